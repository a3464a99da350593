"""What was spoken once in the same way is not spoken again, if a request wants that."""

import numpy as np
import pytest

from speech import reuse
from speech.engines import SynthesisOptions
from speech.errors import EngineError
from speech.stores.folder import FolderStore
from speech.synthesis import Synthesis
from speech.text import chunks
from speech.voices import Reference
from tests.fakes.engines import Garbling

TEXT = (
    "The old lighthouse keeper counted eleven ships before the fog came in. "
    "He wrote their names in a ledger that nobody had opened for years. "
    "Then he lit the lamp, and waited for the evening boat to answer."
)


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


def spoken(store, text=TEXT, engine=None, on_progress=None, **options):
    """The samples, and the texts that the engine was given."""
    engine = engine or Garbling()
    asked = SynthesisOptions(**({"seed": 1} | options))
    synthesis = Synthesis(engine, chunks(text, "en", 80), asked, on_progress=on_progress, store=store)
    return np.concatenate([*synthesis]), [text for _, texts in engine.seeds for text in texts]


def test_the_same_request_speaks_once_and_gives_the_same_samples(store):
    first, said = spoken(store)
    again, nothing = spoken(store)
    assert len(said) == 3 and nothing == []
    assert np.array_equal(first, again)


def test_only_what_changed_is_spoken(store):
    spoken(store)
    _, said = spoken(store, TEXT.replace("eleven", "twelve"))
    assert said == ["The old lighthouse keeper counted twelve ships before the fog came in."]


@pytest.mark.service
@pytest.mark.parametrize("changed", [{"seed": 2}, {"speed": 0.9}, {"quality": "fast"}, {"language": "de"}])
def test_another_seed_pace_quality_or_language_is_another_take(store, changed):
    spoken(store)
    engine = Garbling()
    # What F5-TTS's identity holds, whose steps depend on the quality.
    engine.identity = lambda options: (options.quality,)
    spoken(store, engine=engine)
    other = Garbling()
    other.identity = engine.identity
    assert len(spoken(store, engine=other, **changed)[1]) == 3


def test_another_recording_of_the_same_name_is_another_voice(store, tmp_path):
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"one")
    spoken(store, reference=Reference(voice, "Hello."))
    assert spoken(store, reference=Reference(voice, "Hello."))[1] == []
    voice.write_bytes(b"two")
    assert len(spoken(store, reference=Reference(voice, "Hello."))[1]) == 3


def test_a_chunk_that_comes_twice_is_spoken_once(store):
    said = spoken(store, "It rains again today. It rains again today.\n\nIt rains again today.")[1]
    assert len(said) == len(set(said))


def test_a_take_that_is_damaged_is_spoken_again(store):
    first, _ = spoken(store)
    [damaged, *_] = [entry.key for entry in store.list("takes/") if entry.key.endswith(".flac")]
    store.write(damaged, "no sound", "audio/flac")
    again, said = spoken(store)
    assert len(said) == 1 and np.array_equal(first, again)
    assert spoken(store)[1] == []


def test_what_was_finished_before_a_fault_is_not_spoken_again(store):
    class Failing(Garbling):
        def synthesize(self, texts, options, on_progress=None):
            if any("ledger" in text for text in texts) and len(texts) == 1:
                raise EngineError("The GPU failed.")
            return super().synthesize(texts, options, on_progress)

    parts = chunks(TEXT, "en", 80)
    asked = [SynthesisOptions(seed=1)] * len(parts)
    reuse.best(Garbling(), parts[:1], asked[:1], store=store)
    with pytest.raises(EngineError, match="GPU"):
        reuse.best(Failing(), parts[:2], asked[:2], store=store)
    engine = Garbling()
    reuse.best(engine, parts, asked, store=store)
    assert [text for _, texts in engine.seeds for text in texts] == [part.spoken for part in parts[1:]]


def test_progress_counts_what_was_there(store):
    spoken(store)
    told = []

    class Telling(Garbling):
        def synthesize(self, texts, options, on_progress=None):
            made = super().synthesize(texts, options)
            on_progress(len(texts), len(texts))
            return made

    changed = TEXT.replace("eleven", "twelve")
    spoken(store, changed, Telling(), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 3), (3, 3)]
