"""f5-flows script, and documents given to the other commands."""

import json
import subprocess
import sys

import pytest

from tests.fakes.documents import epub

pytestmark = pytest.mark.service

TEXT = """# The Sea

Every summer we went to [the sea](https://example.org).

[alice] Hi there, [pause 2] you.

[nobody] was there.
"""


@pytest.fixture
def place(tmp_path, call):
    """The folder in which `f5-flows` runs, with a script in it."""
    (tmp_path / "work" / "sea.md").write_text(TEXT)
    (tmp_path / "work" / "cast.toml").write_text('Alice = "alice.wav"\n')
    return tmp_path / "work"


def test_it_tells_what_would_be_spoken_and_what_not(call, place):
    done = call("script", "sea.md", "--cast", "cast.toml")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["The", "Sea", "(markdown,", "en)"]
    assert ["heading", "1", "The", "Sea"] in lines
    assert ["paragraph", "Alice", "Hi", "there,"] in lines and ["pause", "2", "s"] in lines
    assert "1 link address (only the words of a link are spoken)" in done.stdout
    assert "Note: [nobody] is spoken, unless a voice of that name is stored, or --cast names it." in done.stdout
    assert "15 words, about 5 seconds of speech: an estimate" in done.stdout


def test_what_a_document_says_moves_no_cursor_and_names_no_window(call, place):
    page = "<title>A\x1b]0;mine\x07</title><p>One \x1b[2J\x9b1A two.</p><img alt='x\x1b[8mhidden' src='a.png'>"
    (place / "page.html").write_text(page, encoding="utf-8")
    done = call("script", "page.html")
    assert done.returncode == 0, done.stderr
    assert not {"\x1b", "\x07", "\x9b"} & {*done.stdout, *done.stderr}


def test_json_has_everything(call, place):
    told = json.loads(call("script", "sea.md", "--cast", "cast.toml", "--json", "--language", "fr").stdout)
    assert (told["title"], told["format"], told["language"], told["words"]) == ("The Sea", "markdown", "fr", 15)
    assert [each["voice"] for each in told["passages"] if each["text"]] == [None, None, "Alice", "Alice", "Alice"]
    assert told["left_out"] == [{"what": "1 link address", "why": "only the words of a link are spoken"}]


def test_markdown_can_be_read_again(call, place):
    (place / "book.epub").write_bytes(epub({"one.xhtml": "<h1>One</h1><p>Said <i>so</i>.</p><hr/><p>Done.</p>"}))
    written = call("script", "book.epub", "--markdown").stdout
    assert written == "---\ntitle: The Sea\nlang: en\n---\n\n# One\n\nSaid so.\n\n***\n\nDone.\n"
    assert call("script", "-", "--markdown", stdin=written).stdout == written


def test_voices_in_ssml_are_believed(call, place):
    (place / "talk.ssml").write_text('<speak><voice name="zoe">Hello there.</voice></speak>')
    assert "paragraph zoe" in call("script", "talk.ssml").stdout


def test_it_needs_neither_prefect_nor_a_server(place):
    code = (
        "import sys; from deployments.cli.commands import cli; cli(['script', 'sea.md'], standalone_mode=False); "
        "print([name for name in ('prefect', 'boto3', 'obstore', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["script", "nowhere.md"], "FILE: nowhere.md cannot be read: No such file"),
        (["script", "cover.png"], "FILE: cover.png cannot be read: it looks like a PNG picture; accepted are text,"),
        (["speak", "--file", "cover.png"], "--file: cover.png cannot be read: it looks like a PNG picture"),
        (["align", "talk.wav", "--text", "cover.png"], "--text: cover.png cannot be read: it looks like a PNG picture"),
        (["script", "sea.md", "--cast", "sea.md"], "--cast: sea.md is not TOML"),
        (["script", "sea.md", "--cast", "bad.toml"], "--cast: alice: 3 is not accepted; expected the name of a voice"),
        (["speak", "x", "--cast", "odd.toml"], "--cast"),
        (["speak", "x", "--cast", "cast.toml"], "--cast: alice: there is no voice 'nobody'; there is none yet."),
        (["align", "talk.wav", "--text", "sea.md", "--lexicon", "none"], "--lexicon: there is no lexicon 'none'"),
        (["burn", "--background", "navy", "--job", "x", "--lexicon", "names"], "--cast, --lexicon: these"),
        (["script", "sea.md", "--script-format", "rtf"], "--script-format: 'rtf' is not accepted"),
    ],
)
def test_bad_input_is_named(call, place, words, sentence):
    (place / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "talk.wav").write_bytes(b"RIFF")
    (place / "bad.toml").write_text("alice = 3\n")
    (place / "odd.toml").write_text('alice = "../secret"\n')
    (place / "cast.toml").write_text('alice = "nobody"\n')
    done = call(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {sentence}")


def test_a_document_is_spoken_with_its_cast(call, place, prefect_server):
    (place / "book.epub").write_bytes(epub({"one.xhtml": "<h1>One</h1><p>Said <sup><a href='#n'>1</a></sup> so.</p>"}))
    done = call("speak", "--file", "book.epub", "--format", "srt", "--json")
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout)
    assert "1" not in (place / "book.srt").read_text().splitlines()[2:]
    assert reply["text"].endswith("# One\n\nSaid so.\n")


def test_old_texts_are_spoken_and_what_was_assumed_is_said(call, place, prefect_server):
    (place / "old.txt").write_bytes("Grüße aus Köln.".encode("latin-1"))
    done = call("speak", "--file", "old.txt", "--no-timings")
    assert done.returncode == 0, done.stderr
    assert "Note: The text is not UTF-8; it was read as Windows-1252 (Latin-1)." in done.stderr
    assert (place / "old.wav").exists()
