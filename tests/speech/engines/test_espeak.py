"""The demo voice."""

from types import SimpleNamespace

import numpy as np
import pytest

from speech.engines import SynthesisOptions, choose, espeak
from speech.engines.espeak import Espeak, say, voices
from speech.errors import EngineError, EngineUnavailable
from speech.notes import DEMO, kinds
from speech.synthesis import Synthesis
from speech.text import Chunk, Token


def spoken(chunks, speed=1.0, language="en"):
    parts = [Chunk((Token(text, text),)) for text in chunks]
    synthesis = Synthesis(Espeak(), parts, SynthesisOptions(language, speed))
    return SimpleNamespace(samples=np.concatenate([*synthesis]), spans=synthesis.spans)


def test_the_same_text_always_gives_the_same_samples():
    first, _, third = (say("The same every time.", "en").samples for _ in range(3))
    assert np.array_equal(first, third)


def test_each_chunk_has_its_span_and_they_touch():
    speech = spoken(["One sentence here.", "Another one.", "And a third."])
    assert speech.spans[0][0] == 0
    assert speech.spans[-1][1] == len(speech.samples)
    assert all(left[1] == right[0] for left, right in zip(speech.spans, speech.spans[1:], strict=False))
    assert np.array_equal(speech.samples[slice(*speech.spans[1])], say("Another one.", "en").samples)


def pitch(samples, rate=22_050):
    """The median pitch in hertz of what is voiced."""
    found = []
    for at in range(0, len(samples) - 2048, 1024):
        frame = samples[at : at + 2048] - samples[at : at + 2048].mean()
        alike = np.correlate(frame, frame, "full")[2047:]
        lag = rate // 400 + alike[rate // 400 : rate // 60].argmax()
        if np.abs(frame).max() > 0.1 and alike[lag] > 0.4 * alike[0]:
            found.append(rate / lag)
    return np.median(found)


def test_each_part_of_a_dialogue_is_heard_in_a_voice_of_its_own():
    words = "I was there, and I saw all of it."
    parts = [Chunk((Token(words, words),), voice) for voice in (None, "alice", "Bob", "alice")]
    synthesis = Synthesis(Espeak(), parts, SynthesisOptions(), {None: None, "alice": None, "Bob": None})
    samples = np.concatenate([*synthesis])
    heard = [samples[slice(*span)] for span in synthesis.spans]
    assert np.array_equal(heard[1], heard[3])
    assert np.array_equal(heard[0], say(words, "en").samples)
    pitches = sorted(map(pitch, heard[:3]))
    assert all(higher > 1.15 * lower for lower, higher in zip(pitches, pitches[1:], strict=False))


def test_every_language_has_every_speaker():
    for speaker in range(9):
        for language in ("en", "zh", "no"):
            assert len(say("1 2 3", language, speaker=speaker).samples) > 5000


def test_items_of_a_list_are_not_run_together_though_they_begin_in_lower_case():
    items = ["And meant it.", "a rope.", "a lantern."]
    listed, sentences = (Chunk(tuple(Token(item, item, end) for item in items)) for end in ("\n", " "))
    lengths = [len(say(chunk.spoken, "en").samples) / Espeak.rate for chunk in (listed, sentences)]
    assert lengths[0] > lengths[1] + 0.5


def test_speed_changes_the_length():
    slow, normal, fast = (
        len(spoken(["A sentence of some length to measure."], speed).samples) for speed in (0.5, 1, 2)
    )
    assert slow > 1.6 * normal
    assert fast < 0.7 * normal


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "zh", "ko", "ar", "ru", "hi", "pt"])
def test_it_speaks_the_languages_that_it_names(language):
    assert language in voices()
    assert len(spoken(["1 2 3"], language=language).samples) > 5000


@pytest.mark.parametrize("language", ["ja", "th", "my"])
def test_it_does_not_name_languages_that_it_cannot_read(language):
    assert language not in voices()


def test_it_reads_chinese_characters_as_syllables():
    syllables = len(say("今天天气很好我们去公园", "zh").samples) / 11
    # Spelled out as "Chinese letter" each takes 0.9 s.
    assert 0.15 < syllables / 22_050 < 0.5


def test_word_events_tell_where_each_word_begins():
    utterance = say("Hello there, world.", "en")
    assert [position for position, _, _ in utterance.words] == [0, 6, 13]
    samples = [sample for _, _, sample in utterance.words]
    assert samples == sorted(samples)
    assert samples[-1] < len(utterance.samples)


def test_a_dead_process_is_replaced():
    say("Hello.", "en")
    espeak._worker.process.kill()
    assert len(say("Hello.", "en").samples) > 1000


def test_a_voice_that_does_not_exist_is_named():
    with pytest.raises(EngineError, match="no-such-voice"):
        say("Hello.", "en", voice="no-such-voice")


def test_auto_says_in_one_line_that_this_is_the_demo_voice():
    engine, notes = choose("auto")
    assert engine.name == "espeak"
    assert len(notes) == 1
    assert "demo voice" in notes[0] and "ENGINE=f5-tts" in notes[0]
    assert kinds(notes) == {DEMO: 0}


def test_a_named_engine_never_falls_back():
    with pytest.raises(EngineUnavailable, match=r"(?i)f5-tts"):
        choose("f5-tts")
