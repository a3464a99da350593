"""WhisperX: its real code, with a small model that was trained on espeak-ng's speech."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soxr

from speech.alignment import align, whisperx
from speech.alignment.bias import Bias
from speech.alignment.whisperx import WhisperX, load
from speech.audio import Recording, record
from speech.engines.espeak import say
from speech.errors import AlignerUnavailable, AlignmentError
from speech.models import loaded
from speech.settings import settings
from speech.text import Chunk, Token, chunks
from tests import spoken
from tests.scripts import HELD_OUT

pytestmark = pytest.mark.usefixtures("tiny")


def speak(parts, path, spans=True):
    """A recording of chunks, and when each token begins in milliseconds; None where espeak-ng does not tell."""
    samples, bounds, starts = spoken.speak(parts)
    return record(samples, spoken.RATE, bounds if spans else (), path, spoken.RATE), starts


def errors(words, starts):
    return np.array([word.start - start for word, start in zip(words, starts, strict=True) if start is not None])


def scripted(sentences):
    return [chunk for sentence in sentences for chunk in chunks(sentence, "en")]


def test_word_starts_are_within_ten_milliseconds_over_a_minute(tmp_path):
    parts = scripted(HELD_OUT[:20])
    recording, starts = speak(parts, tmp_path / "minute.wav")
    assert recording.duration_ms > 60_000
    off = np.abs(errors(WhisperX().align(recording, parts, "en"), starts))
    assert np.median(off) <= 10
    assert np.mean(off < 40) >= 0.98


def test_an_hour_does_not_drift(tmp_path):
    parts = scripted(HELD_OUT * 43)
    recording, starts = speak(parts, tmp_path / "hour.wav")
    assert recording.duration_ms > 3_500_000
    off = errors(WhisperX().align(recording, parts, "en"), starts)
    assert np.median(np.abs(off)) <= 10
    assert np.mean(np.abs(off) < 40) >= 0.98
    assert abs(np.median(off[: len(off) // 10]) - np.median(off[-len(off) // 10 :])) < 3


def test_without_spans_chunks_are_found_first(tmp_path):
    parts = scripted(HELD_OUT[:20])
    recording, starts = speak(parts, tmp_path / "whole.wav", spans=False)
    off = np.abs(errors(WhisperX().align(recording, parts, "en"), starts))
    assert np.median(off) <= 10 and np.mean(off < 40) >= 0.95


def test_the_script_keeps_its_spelling_and_numbers_are_timed_as_they_are_spoken(tmp_path):
    parts = chunks("In 1984, she paid $5 for “three” books — don't ask!", "en")
    recording, starts = speak(parts, tmp_path / "numbers.wav")
    words = WhisperX().align(recording, parts, "en")
    assert " ".join(word.text for word in words) == "In 1984, she paid $5 for “three” books — don't ask!"
    known = dict(zip([word.text for word in words], zip(words, starts, strict=True), strict=True))
    assert abs(known["1984,"][0].start - known["1984,"][1]) < 40
    assert abs(known["$5"][0].start - known["$5"][1]) < 40
    assert known["—"][0].interpolated


def one(text, samples, tmp_path, language="en"):
    tokens = tuple(Token(word, word) for word in text.split())
    recording = record(samples, 22050, [(0, len(samples))], tmp_path / "one.wav", 22050)
    return WhisperX().align(recording, [Chunk(tokens)], language)


# The traps of whisperx 3.8, one by one.


def test_the_end_given_to_it_is_the_end_of_the_samples(tmp_path):
    text = "he opened the window and listened"
    samples = say(text, "en").samples
    longer = np.concatenate([samples, np.zeros(22050 * 3, np.float32)])
    plain, padded = one(text, samples, tmp_path), one(text, longer, tmp_path)
    assert all(abs(left.start - right.start) <= 25 for left, right in zip(plain, padded, strict=True))


def test_text_that_is_longer_than_its_audio_loses_no_word(tmp_path):
    text = " ".join(["extraordinarily"] * 40)
    with pytest.raises(AlignmentError, match="none of the words"):
        one(text, say("hi", "en").samples[:8000], tmp_path)


def test_a_chunk_that_fails_does_not_cost_the_others(tmp_path):
    good = chunks("He opened the window and listened to the sea.", "en")[0]
    bad = Chunk(tuple(Token("extraordinarily", "extraordinarily") for _ in range(40)))
    samples = say(good.spoken, "en").samples
    spans = [(0, len(samples)), (len(samples), len(samples) + 4000)]
    both = record(np.concatenate([samples, samples[:4000]]), 22050, spans, tmp_path / "two.wav", 22050)
    words = WhisperX().align(both, [good, bad], "en")
    assert len(words) == len(good.tokens) + 40
    assert not any(word.interpolated for word in words[: len(good.tokens)])
    assert all(word.interpolated for word in words[len(good.tokens) :])


@pytest.mark.parametrize("blank", ["\n", "\t", "\u00a0", "  "])
def test_odd_blanks_do_not_glue_words_together(tmp_path, blank):
    tokens = (Token("he", f"he{blank}opened"), Token("the", "the"), Token("window", "window"))
    samples = say("he opened the window", "en").samples
    recording = record(samples, 22050, [(0, len(samples))], tmp_path / "blank.wav", 22050)
    words = WhisperX().align(recording, [Chunk(tokens)], "en")
    assert len(words) == 3 and not any(word.interpolated for word in words)


def test_japanese_and_chinese_are_timed_by_character(tmp_path, monkeypatch):
    model = load("en")
    spaceless = whisperx.Model(model.network, model.metadata | {"language": "zh"}, "cpu", model.size)
    monkeypatch.setattr(whisperx, "load", lambda language: spaceless)
    tokens = (Token("好", "abc"), Token("x", "de"), Token("。", ""))
    samples = say("abc de", "en").samples
    recording = record(samples, 22050, [(0, len(samples))], tmp_path / "zh.wav", 22050)
    words = WhisperX().align(recording, [Chunk(tokens)], "zh")
    assert [word.interpolated for word in words] == [False, False, True]


def test_audio_of_no_length_is_no_words(tmp_path):
    recording = record(np.zeros(100, np.float32), 22050, [(0, 100)], tmp_path / "short.wav", 22050)
    with pytest.raises(AlignmentError):
        WhisperX().align(recording, chunks("Nothing to hear here.", "en"), "en")


def test_a_wrong_script_scores_low(tmp_path):
    right, wrong = scripted(HELD_OUT[:10]), scripted(HELD_OUT[10:20])
    recording, _ = speak(right, tmp_path / "right.wav", spans=False)
    said = align(recording, right, "en")
    other = align(recording, wrong, "en")
    assert said.method == other.method == "whisperx"
    assert said.warnings == ()
    assert any("may not say this script" in reason for reason in other.warnings)


# Models.


def test_the_bias_of_a_model_is_measured_once_and_taken_off(networks, tmp_path):
    model = load("en")
    known = list((networks / ".f5-flows" / "bias").glob("align-en-*.json"))
    assert len(known) == 1
    assert abs(model.bias.onset_ms) < 20
    text = "he opened the window and listened"
    chunk, samples = chunks(text, "en")[0], say(text, "en").samples
    shifted = whisperx.Model(model.network, model.metadata, "cpu", model.size, Bias(50.0, 0.0))
    plain = whisperx.Model(model.network, model.metadata, "cpu", model.size)

    heard = soxr.resample(samples, 22050, 16000)
    late, early = (whisperx._chunk(chunk.tokens, heard, 0, one, "en")[0] for one in (plain, shifted))
    assert late[2][0] - early[2][0] == 50


def test_models_stay_loaded_within_their_budget(networks, monkeypatch):
    first = load("en")
    assert load("en") is first
    # Another of any size takes its place, where both together are too much.
    monkeypatch.setenv("MODELS_MEMORY_MB", "100")
    loaded.reuse("another", lambda: "large", lambda model: 10**12)
    assert load("en") is not first


def test_a_model_whose_file_has_changed_is_loaded_again(networks, tmp_path, monkeypatch):
    shutil.copytree(networks, tmp_path / "models")
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    first = load("en")
    [weights] = (tmp_path / "models" / "align" / "en").rglob("*.safetensors")
    assert load("en") is first
    os.utime(weights, ns=(1, 1))
    assert load("en") is not first


def test_a_language_without_a_model_is_said_with_what_to_do():
    with pytest.raises(AlignerUnavailable, match=r"'de' is not here; run: f5-flows models sync align/de"):
        load("de")


def test_the_published_models_of_the_languages_of_the_earlier_system_are_known(components):
    from speech.models.catalogue import source_of

    languages = ("en", "fr", "de", "es", "it", "ja", "zh", "nl")
    sources = [source_of(f"align/{language}") for language in languages]
    assert all(sources) and {source.kind for source in sources} == {"torchaudio", "hub"}
    assert source_of("align/xx") is None


@pytest.mark.usefixtures("components")
def test_the_components_need_none_of_what_is_left_out_of_their_imports():
    code = (
        "import sys\n"
        "from speech.runtime import ensure\n"
        "sys.modules.update(dict.fromkeys(('einx', 'librosa', 'matplotlib', 'nltk', 'pandas')))\n"
        "[ensure(name) for name in ('f5-tts', 'whisperx')]\n"
        "from speech.models.catalogue import source_of\n"
        "print(source_of('align/nl'))\n"
        "from speech.engines import f5_library\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "wav2vec2" in done.stdout


def of_whisperx(words, samples, model):
    """What whisperx's own function finds, in milliseconds; here with what it needs, and no sentence splitter."""
    location = Path(importlib.util.find_spec("whisperx").origin).with_name("alignment.py")
    spec = importlib.util.spec_from_file_location("whisperx_alignment", location)
    alignment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alignment)
    alignment.nltk_load = lambda _: SimpleNamespace(span_tokenize=lambda text: [(0, len(text))])
    segment = {"text": " ".join(words), "start": 0.0, "end": len(samples) / 16_000}
    found = alignment.align([segment], model.network, model.metadata, samples, "cpu")["word_segments"]
    # It divides the whole length evenly among the frames.
    factor = ((len(samples) - 400) // 320 + 1) * 320 / len(samples) * 1000
    return [(word["start"] * factor, word["end"] * factor, word["score"]) for word in found]


@pytest.mark.parametrize(
    "text", ["he opened the window and listened", "he opened the 5th window é la carte", "A Window; he LISTENED"]
)
def test_words_are_where_whisperx_itself_finds_them(text):
    model, words = load("en"), text.split()
    samples = soxr.resample(say(text, "en").samples, 22050, 16000)
    found = [(word.first * 20, word.end * 20, word.score) for word in whisperx._words(words, samples, model)]
    expected = of_whisperx(words, samples, model)
    assert len(found) == len(expected) == len(words)
    assert np.allclose([span for *span, _ in found], [span for *span, _ in expected], atol=2)
    assert np.allclose([score for *_, score in found], [score for *_, score in expected], atol=0.002)


def test_a_recording_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(Exception, match="There is no recording"):
        WhisperX().align(Recording(tmp_path / "no.wav", 16000, 1000), chunks("Hello there.", "en"), "en")


def test_settings_name_the_budget():
    assert settings().models_memory_mb == 8000
