"""The demo voice."""

import numpy as np
import pytest

from speech.engines import SynthesisOptions, choose, espeak
from speech.engines.espeak import Espeak, say, voices
from speech.errors import EngineError, EngineUnavailable
from speech.takes import synthesize
from speech.text import Chunk, Token


def spoken(chunks, speed=1.0, language="en"):
    return synthesize(Espeak(), [Chunk((Token(text, text),)) for text in chunks], SynthesisOptions(language, speed))


def test_the_same_text_always_gives_the_same_samples():
    first, _, third = (say("The same every time.", "en").samples for _ in range(3))
    assert np.array_equal(first, third)


def test_each_chunk_has_its_span_and_they_touch():
    speech = spoken(["One sentence here.", "Another one.", "And a third."])
    assert speech.spans[0][0] == 0
    assert speech.spans[-1][1] == len(speech.samples)
    assert all(left[1] == right[0] for left, right in zip(speech.spans, speech.spans[1:], strict=False))
    assert np.array_equal(speech.samples[slice(*speech.spans[1])], say("Another one.", "en").samples)


def test_speed_changes_the_length():
    slow, normal, fast = (
        len(spoken(["A sentence of some length to measure."], speed).samples) for speed in (0.5, 1, 2)
    )
    assert slow > 1.6 * normal
    assert fast < 0.7 * normal


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "zh", "ja", "ar", "ru", "th", "pt"])
def test_it_speaks_the_languages_that_it_names(language):
    assert language in voices()
    assert len(spoken(["1 2 3"], language=language).samples) > 5000


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


def test_a_named_engine_never_falls_back():
    with pytest.raises(EngineUnavailable, match="f5-tts"):
        choose("f5-tts")
