"""Each of the examples does what it says, on the whole stack."""

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from speech.engines.espeak import say
from speech.voices.library import listing
from tests import PATIENCE
from tests.conftest import recorded
from tests.stack import PROGRAM

EXAMPLES = Path(__file__).parent.parent / "examples"
SAYS = "The reference recording says this sentence, and then it says another one, so that it is long enough."


@pytest.fixture(scope="module", autouse=True)
def running(stack):
    stack.open()


def example(stack, folder, name, *arguments, **variables):
    """Run an example as a person would; returns what it prints."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE,
        env=stack.environment("person", RUNPOD_URL=stack.runpod.url, SSL_CERT_FILE="", **variables),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_request_through_prefect(stack, tmp_path):
    keys = example(stack, tmp_path, "prefect_request.py", "Hello there.").split()
    assert [Path(key).parent.name for key in keys[-2:]] == ["output", "timings"]
    for key in keys[-2:]:
        stack.store.head(key)


def test_a_request_over_http_to_runpod(stack, tmp_path):
    shown = example(stack, tmp_path, "runpod_request.py", "Hello there.", "hello")
    assert "2 words, timed by embedded" in shown
    assert soundfile.info(tmp_path / "hello.wav").duration > 0.5
    assert "Hello there." in (tmp_path / "hello.srt").read_text()


def test_a_voice(stack, tmp_path):
    recorded(say(SAYS, "en", 150), tmp_path / "mine.wav")
    shown = example(stack, tmp_path, "store_voice.py", "narrator", tmp_path / "mine.wav", SAYS)
    assert "Voice 'narrator.wav' uploaded successfully" in shown
    assert [voice["name"] for voice in listing(stack.store)] == ["narrator.wav"]


def test_a_subtitle_style_is_burned_into_a_video(stack, tmp_path):
    speak = [PROGRAM, "speak", "Hello there.", "--out", tmp_path / "hello", "--json"]
    subprocess.run(speak, env=stack.environment("person"), check=True, capture_output=True, timeout=PATIENCE)
    [source] = (tmp_path / "hello").glob("*.ass")
    shown = example(stack, tmp_path, "subtitle_style.py", source, "mine.ass")
    assert "in 1 style" in shown
    [audio] = (tmp_path / "hello").glob("*.wav")
    burn = [PROGRAM, "burn", "--background", "navy", "--captions", "mine.ass", "--audio", audio, "--out", "hello.mp4"]
    subprocess.run(
        burn, cwd=tmp_path, env=stack.environment("person"), check=True, capture_output=True, timeout=PATIENCE
    )
    assert (tmp_path / "hello.mp4").stat().st_size > 10_000
