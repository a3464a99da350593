"""The embedded aligner: one voice's recording timed by another's reference."""

import sys

import numpy as np
import pytest
import soundfile

from speech.alignment import align
from speech.alignment.embedded import Embedded
from speech.audio import Recording, record
from speech.engines.espeak import say
from speech.errors import AlignmentError
from speech.text import chunks, normalise
from speech.words import confidence_of
from tests.conftest import recorded
from tests.scripts import ALICE, BY_LANGUAGE, CITIES
from tests.talk import word_starts

RNG = np.random.default_rng(7)


def timed(recording, script, language="en"):
    return Embedded().align(recording, chunks(normalise(script), language), language)


def errors(words, expected):
    return np.array([words[index].start - start for index, start in expected.items()])


@pytest.mark.parametrize("voice", ["en-gb-x-rp+f3", "en-us+m7", "en-gb-scotland+f2", "en-029+m3"])
@pytest.mark.parametrize("wpm", [120, 220])
def test_another_voice_at_another_pace_is_timed_to_the_word(tmp_path, voice, wpm):
    utterance = say(ALICE, "en", wpm, voice)
    off = np.abs(errors(timed(recorded(utterance, tmp_path / "a.wav"), ALICE), word_starts(utterance, ALICE)))
    assert np.median(off) <= 25
    assert np.percentile(off, 95) <= 90


@pytest.mark.parametrize("language", ["de", "fr", "es", "it"])
def test_other_languages_are_timed_as_well(tmp_path, language):
    script = BY_LANGUAGE[language]
    utterance = say(script, language, 150, f"{language}+f4")
    off = np.abs(
        errors(timed(recorded(utterance, tmp_path / "a.wav"), script, language), word_starts(utterance, script))
    )
    assert np.median(off) <= 25
    assert np.percentile(off, 95) <= 120


def changed(utterance, tmp_path, change):
    samples = change(utterance.samples.astype(np.float64), utterance.rate).astype(np.float32)
    return record(samples, utterance.rate, (), tmp_path / "a.wav", 22050)


@pytest.mark.parametrize(
    "change",
    [
        lambda x, rate: x + RNG.normal(0, 0.01, len(x)),
        lambda x, rate: 0.05 * x,
        lambda x, rate: np.clip(4 * x, -1, 1),
        lambda x, rate: np.convolve(x, np.exp(-np.arange(rate // 10) / (rate / 40)) / 500, "same") + x,
    ],
    ids=["noise", "quiet", "clipped", "reverberant"],
)
def test_a_poor_recording_is_timed_too(tmp_path, change):
    utterance = say(ALICE, "en", 160, "en-gb-x-rp+f3")
    off = np.abs(errors(timed(changed(utterance, tmp_path, change), ALICE), word_starts(utterance, ALICE)))
    assert np.median(off) <= 30
    assert np.percentile(off, 95) <= 150


def test_long_silences_anywhere_do_not_move_the_words_around_them(tmp_path):
    parts = [say(sentence, "en", 150, "en-gb-x-rp+f3") for sentence in (CITIES[:52], CITIES[53:114], CITIES[115:])]
    rate, silence = parts[0].rate, np.zeros(int(parts[0].rate * 2.5), np.float32)
    pieces, starts, at = [silence], [], len(silence)
    for part in parts:
        starts.append(at * 1000 / rate)
        pieces += [part.samples, silence]
        at += len(part.samples) + len(silence)
    words = timed(record(np.concatenate(pieces), rate, (), tmp_path / "a.wav", 16000), CITIES)
    firsts = [0, len(CITIES[:52].split()), len(CITIES[:114].split())]
    assert [words[first].start for first in firsts] == pytest.approx(starts, abs=60)


@pytest.mark.parametrize(("before", "after"), [(CITIES, ""), ("", CITIES)], ids=["introduction", "rest"])
def test_speech_that_the_script_does_not_hold_is_left_alone(tmp_path, before, after):
    parts = [say(text, "en", 150, "en-gb-x-rp+f3") for text in (before, ALICE, after) if text]
    samples = np.concatenate([part.samples for part in parts])
    recording = record(samples, parts[0].rate, (), tmp_path / "a.wav", 16000)
    utterance = parts[1 if before else 0]
    late = len(parts[0].samples) * 1000 / parts[0].rate if before else 0
    expected = {index: start + late for index, start in word_starts(utterance, ALICE).items()}
    off = np.abs(errors(timed(recording, ALICE), expected))
    assert np.median(off) <= 25
    assert np.percentile(off, 95) <= 150


def test_known_chunk_spans_hold_each_chunk_in_its_place(tmp_path):
    script = normalise(ALICE + " " + CITIES)
    parts = chunks(script, "en")
    utterances = [say(part.spoken, "en", 150, "en-us+f4") for part in parts]
    borders = np.cumsum([0, *(len(utterance.samples) for utterance in utterances)])
    spans = list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))
    samples = np.concatenate([utterance.samples for utterance in utterances])
    recording = record(samples, utterances[0].rate, spans, tmp_path / "a.wav", 24000)
    words = Embedded().align(recording, parts, "en")
    first = 0
    for part, (start, end) in zip(parts, recording.spans_ms, strict=True):
        mine = words[first : first + len(part.tokens)]
        assert all(start <= word.start and word.end <= end for word in mine)
        first += len(part.tokens)


def test_every_token_is_there_once_in_order_and_those_not_heard_are_marked(tmp_path):
    script = "Well — 😀 it cost $5.50 in 1984, at 10:30 & so on."
    utterance = say("Well it cost five dollars, fifty cents in nineteen eighty-four, at ten thirty and so on.", "en")
    alignment = align(recorded(utterance, tmp_path / "a.wav"), chunks(script, "en"), "en")
    assert [word.text for word in alignment.words] == script.split()
    assert [word.text for word in alignment.words if word.interpolated] == ["—", "😀"]
    assert all(word.start < word.end for word in alignment.words if not word.interpolated)


@pytest.mark.parametrize("are_spans_known", [True, False])
def test_a_chunk_without_a_word_is_marked_and_moves_no_other(tmp_path, are_spans_known):
    first, last = (say(text, "en", 150, "en-us+m7") for text in ("Hello there my friend.", "Goodbye to you."))
    pieces = [first.samples, np.zeros(first.rate // 2, np.float32), last.samples]
    borders = np.cumsum([0, *map(len, pieces)]).tolist()
    spans = list(zip(borders[:-1], borders[1:], strict=True)) if are_spans_known else []
    recording = record(np.concatenate(pieces), first.rate, spans, tmp_path / "a.wav", 16000)
    parts = [part for text in ("Hello there my friend.", "— 😀", "Goodbye to you.") for part in chunks(text, "en")]
    words = Embedded().align(recording, parts, "en")
    assert [word.text for word in words if word.interpolated] == ["—", "😀"]
    assert words[6].start == pytest.approx(borders[2] * 1000 / first.rate, abs=60)
    assert all(word.start < word.end for word in words if not word.interpolated)


def test_a_wrong_script_scores_visibly_lower(spoken):
    right = confidence_of(timed(spoken, ALICE))
    wrong = confidence_of(timed(spoken, CITIES))
    assert right > 0.6
    assert wrong < 0.3


@pytest.mark.parametrize(
    ("script", "language"),
    [
        ("今天天气很好，我们去公园吧。", "zh"),
        ("今日はとてもいい天気です。", "ja"),
        ("วันนี้อากาศดีมาก", "th"),
        ("مرحبا بالعالم اليوم", "ar"),
    ],
)
def test_scripts_without_spaces_and_right_to_left_are_timed_whole(tmp_path, script, language):
    utterance = say(script, language)
    words = align(recorded(utterance, tmp_path / "a.wav"), chunks(script, language), language).words
    assert "".join(word.text + word.space for word in words).strip() == script
    assert words[-1].end > 0.7 * len(utterance.samples) / utterance.rate * 1000


def test_a_language_that_espeak_ng_cannot_read_is_placed_by_its_letters(tmp_path):
    script = "北海道ではまだ雪が残っている。"
    words = timed(recorded(say("ほっかいどうでわまだゆきがのこっている", "ja"), tmp_path / "a.wav"), script, "ja")
    assert [word.text for word in words] == [token.text for chunk in chunks(script, "ja") for token in chunk.tokens]
    assert all(word.interpolated for word in words)
    # Each sign has its share of the sound, where a kanji that is spelled out takes as long as eight kana.
    lengths = [word.end - word.start for word in words]
    assert max(lengths) < 3 * min(lengths)


def test_a_recording_without_speech_still_times_every_word(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(7).normal(0, 0.05, 22050 * 3), 22050)
    words = align(Recording(tmp_path / "a.wav", 22050, 3000), chunks("Nothing is heard here.", "en"), "en").words
    assert len(words) == 4
    assert confidence_of(words) < 0.3


@pytest.mark.parametrize("peak", [0.0, 1e-5])
def test_silence_is_refused_with_the_reason(tmp_path, peak):
    silence = np.random.default_rng(7).uniform(-peak, peak, 22050 * 3)
    soundfile.write(tmp_path / "a.wav", silence, 22050, subtype="FLOAT")
    with pytest.raises(AlignmentError, match="the recording is silent"):
        align(Recording(tmp_path / "a.wav", 22050, 3000), chunks("Nothing is heard here.", "en"), "en")


def test_a_recording_shorter_than_a_word_is_refused_with_the_reason(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 22050)
    with pytest.raises(AlignmentError, match="shorter than any word"):
        align(Recording(tmp_path / "a.wav", 22050, 4), chunks("Hello.", "en"), "en")


def test_far_too_much_script_for_the_recording_still_times_every_word(tmp_path):
    utterance = say("Hello there.", "en")
    recording = recorded(utterance, tmp_path / "a.wav")
    words = align(recording, chunks(normalise(ALICE), "en"), "en").words
    assert len(words) == len(ALICE.split())
    assert words[-1].end <= recording.duration_ms


@pytest.mark.parametrize("spans", [(), ((0, 4000), (4000, 60_000))], ids=["whole", "spans"])
def test_without_espeak_ng_words_are_placed_by_their_letters_and_it_is_said(spoken, monkeypatch, spans):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    parts = chunks(normalise(ALICE), "en", max_chars=300)[: len(spans) or None]
    recording = Recording(spoken.path, spoken.rate, spoken.duration_ms, spans)
    found = align(recording, parts, "en")
    assert len(found.words) == sum(len(part.tokens) for part in parts)
    assert all(word.interpolated and word.confidence == 0 for word in found.words)
    assert all(word.start < word.end for word in found.words)
    assert "only place them by their length" in found.warnings[-1]
