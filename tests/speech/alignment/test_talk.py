"""The embedded aligner on speech that nobody prepared: a changing pace, fillers, words said twice, breaths, a room."""

import numpy as np
import pytest
import soxr

from speech.alignment.cepstra import WIDTH, cepstra
from speech.alignment.embedded import Embedded
from speech.alignment.features import gather, level
from speech.alignment.rows import Rows
from speech.alignment.synthetic import hesitations
from speech.audio import record
from speech.engines.espeak import say, voices
from speech.text import chunks, normalise
from tests.scripts import ALICE, BY_LANGUAGE, CITIES, HELD_OUT
from tests.talk import RATE, espeak, record_talk

SENTENCES = {"en": HELD_OUT[:12], "de": [BY_LANGUAGE["de"]] * 2, "es": [BY_LANGUAGE["es"]] * 3}


def talk(voice, language, seed, folder):
    """Return a recording of somebody who thinks while talking, the script, and when its words begin."""
    sentences = [normalise(sentence) for sentence in SENTENCES[language]]
    samples, truth = record_talk(espeak(voice, language, 165), sentences, language, seed)
    return record(samples, RATE, (), folder / "talk.wav", RATE), " ".join(sentences), truth


def aligned(recording, script, language):
    return Embedded().align(recording, chunks(script, language), language)


@pytest.mark.service
@pytest.mark.parametrize(
    ("voice", "language", "seed"),
    [("en-us+m7", "en", 1), ("en-gb-scotland+f2", "en", 2), ("de+f4", "de", 3), ("es+m2", "es", 4)],
)
def test_words_are_found_between_what_is_no_part_of_the_script(tmp_path, voice, language, seed):
    recording, script, truth = talk(voice, language, seed, tmp_path)
    words = aligned(recording, script, language)
    off = np.abs([words[index].start - start for index, start in truth.items()])
    assert np.median(off) <= 30
    assert np.percentile(off, 95) <= 250


@pytest.mark.service
def test_a_word_that_may_as_well_be_elsewhere_is_doubted(tmp_path):
    """Most of the words that are off by 200 ms are among the tenth of least confidence."""
    off, confidence = [], []
    for seed in range(4):
        recording, script, truth = talk("en-us+m7", "en", seed, tmp_path)
        words = aligned(recording, script, "en")
        off += [abs(words[index].start - start) for index, start in truth.items()]
        confidence += [words[index].confidence for index in truth]
    wrong, doubted = np.array(off) > 200, np.array(confidence) <= np.quantile(confidence, 0.1)
    assert wrong.sum() <= 0.05 * len(wrong)
    assert doubted[wrong].mean() >= 0.6


def test_hesitations_sound_in_every_language_of_espeak_ng():
    utterance = say("Once upon a time.", "en")
    frames = [*cepstra([soxr.resample(utterance.samples, utterance.rate, RATE)])]
    with Rows(WIDTH) as rows:
        reference = level(rows, gather(frames, rows))
        counts = {language: len(hesitations(language, 1.3, reference)) for language in voices()}
    assert len(counts) > 90
    assert min(counts.values()) >= 4, counts


def test_a_sentence_that_the_script_does_not_hold_is_left_out_wherever_it_stands(tmp_path):
    before, after = ALICE[: ALICE.index("Once")], ALICE[ALICE.index("Once") :]
    parts = [say(text, "en", 160, "en-us+m7") for text in (before, CITIES[:52], after)]
    recording = record(np.concatenate([part.samples for part in parts]), parts[0].rate, (), tmp_path / "a.wav", RATE)
    words = aligned(recording, normalise(ALICE), "en")
    late = sum(len(part.samples) for part in parts[:2]) / parts[0].rate * 1000
    start = next(sample for _, _, sample in parts[2].words) / parts[2].rate * 1000 + late
    assert words[len(before.split())].start == pytest.approx(start, abs=60)
    assert words[len(before.split()) - 1].end <= len(parts[0].samples) / parts[0].rate * 1000 + 60
