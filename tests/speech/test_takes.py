"""What came out badly is spoken again, and the best is kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speech.assembly import Assembly
from speech.engines import SynthesisOptions
from speech.engines.espeak import say
from speech.errors import EngineError
from speech.synthesis import Synthesis
from speech.text import chunks
from speech.voices import Reference
from tests.fakes.engines import GARBLED, Garbling

TEXT = (
    "The old lighthouse keeper counted eleven ships before the fog came in. "
    "He wrote their names in a ledger that nobody had opened for years. "
    "Then he lit the lamp, and waited for the evening boat to answer."
)


def parts():
    return chunks(TEXT, "en", 80)


def spoken(engine, retakes=2, seed=7):
    synthesis = Synthesis(engine, parts(), SynthesisOptions(seed=seed), retakes=retakes)
    spoken_by(synthesis)
    return synthesis


def spoken_by(synthesis):
    return np.concatenate([*synthesis])


def join(pieces, overlap, rate=24_000, pause_ms=0):
    assembly = Assembly(rate, overlap)
    made = [part for number, piece in enumerate(pieces) for part in assembly.add(piece, pause_ms if number else 0)]
    return np.concatenate([*made, *assembly.finish()]), tuple(assembly.spans)


def test_what_comes_out_well_is_spoken_once():
    engine = Garbling()
    speech = spoken(engine)
    assert [seed for seed, _ in engine.seeds] == [7]
    assert speech.notes == ()
    assert all(take.tries == 1 and take.score > 0.4 for take in speech.takes)


@pytest.mark.service
@pytest.mark.parametrize("fault", GARBLED)
def test_a_garbled_chunk_is_taken_again_with_the_next_seed(fault):
    second = parts()[1].spoken
    engine = Garbling({second: [fault]})
    speech = spoken(engine)
    assert engine.seeds[1:] == [(8, [second])]
    assert [take.tries for take in speech.takes] == [1, 2, 1]
    assert speech.takes[1].problems == () and speech.takes[1].seed == 8
    assert any("spoken again" in note for note in speech.notes)


def test_the_best_take_is_kept_where_none_is_good_and_the_user_is_told():
    second = parts()[1].spoken
    engine = Garbling({second: ["is silent", "skips", "is silent"]})
    speech = spoken(engine)
    assert len(engine.seeds) == 3
    kept = speech.takes[1]
    assert kept.tries == 3 and kept.seed == 8 and kept.problems
    [note] = speech.notes
    assert "Chunk 2" in note and "best of 3 takes" in note


def test_takes_that_are_no_numbers_to_the_last_are_an_error():
    second = parts()[1].spoken
    with pytest.raises(EngineError, match="no usable sound of chunk 2"):
        spoken(Garbling({second: ["is no number"] * 3}))


def test_retakes_may_be_switched_off():
    second = parts()[1].spoken
    engine = Garbling({second: ["skips"]})
    speech = spoken(engine, retakes=0)
    assert len(engine.seeds) == 1
    assert "is doubtful" in speech.notes[0]


def test_an_engine_that_does_not_vary_is_not_asked_again():
    engine = Garbling({parts()[1].spoken: ["is silent"]})
    engine.is_stochastic = False
    speech = spoken(engine)
    assert len(engine.seeds) == 1 and "nearly silent" in speech.notes[0]


class Drawling(Garbling):
    """Speaks six times as slowly as people do, and always the same way."""

    is_stochastic = False

    def synthesize(self, chunks, options, on_progress=None):
        return [np.repeat(say(chunk, "en").samples, 6) for chunk in chunks]


@pytest.mark.parametrize(("text", "doubtful"), [("Hi.", False), ("Oh no!", False), ("The lamp was lit again.", True)])
def test_the_pace_of_a_word_or_two_means_nothing(text, doubtful):
    synthesis = Synthesis(Drawling(), chunks(text, "en", 80), SynthesisOptions(seed=7))
    spoken_by(synthesis)
    assert any("its pace is" in note for note in synthesis.notes) is doubtful


def test_seeds_stay_within_what_a_request_may_name():
    engine = Garbling({parts()[0].spoken: ["is silent"]})
    spoken(engine, seed=2_147_483_647)
    assert [seed for seed, _ in engine.seeds] == [2_147_483_647, 1]


def test_pieces_fade_into_each_other_and_their_spans_touch():
    pieces = [np.full(1000, level, np.float32) for level in (0.2, 0.4, 0.6)]
    joined, spans = join(pieces, 100)
    assert len(joined) == 2800
    assert spans == ((0, 950), (950, 1850), (1850, 2800))
    assert joined[900] == pytest.approx(0.2) and joined[999] == pytest.approx(0.4)
    assert 0.29 < joined[950] < 0.31


def test_pieces_without_overlap_are_put_end_to_end():
    joined, spans = join([np.ones(10, np.float32), np.zeros(5, np.float32)], 0)
    assert len(joined) == 15 and spans == ((0, 10), (10, 15))


def test_a_piece_shorter_than_the_fade_is_faded_as_far_as_it_goes():
    joined, spans = join([np.ones(1000, np.float32), np.ones(30, np.float32), np.ones(1000, np.float32)], 100)
    assert spans[0][0] == 0 and spans[-1][1] == len(joined)
    assert all(first <= last for first, last in spans)


def test_each_chunk_is_spoken_in_its_own_voice_language_and_pace():
    heard = []

    class Listening(Garbling):
        def synthesize(self, texts, options, on_progress=None):
            heard.append((options.reference, options.language, options.speed, list(texts)))
            return super().synthesize(texts, options, on_progress)

    first, second, third = parts()
    voice = Reference(Path("bob.wav"), "What Bob says.")
    other = replace(second, voice="bob", language="fr", speed=0.5)
    synthesis = Synthesis(Listening(), [first, other, third], SynthesisOptions(speed=1.2), {"bob": voice}, retakes=0)
    spoken_by(synthesis)
    assert heard == [(None, "en", 1.2, [first.spoken, third.spoken]), (voice, "fr", 0.6, [other.spoken])]
    assert len(synthesis.spans) == 3


def test_progress_counts_the_chunks_of_all_windows():
    class Telling(Garbling):
        def synthesize(self, texts, options, on_progress=None):
            for number in range(len(texts)):
                on_progress(number + 1, len(texts))
            return [np.full(self.rate // 50, 0.1, np.float32)] * len(texts)

    many, told = parts() * 60, []
    spoken_by(Synthesis(Telling(), many, SynthesisOptions(), on_progress=lambda *at: told.append(at), retakes=0))
    assert told == [(number + 1, len(many)) for number in range(len(many))]
