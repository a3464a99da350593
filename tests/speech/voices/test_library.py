"""Voices are made ready once, kept beside the recording, and refused in words."""

import base64
import json

import numpy as np
import pytest
import soundfile

from speech.audio import write_wav
from speech.engines.espeak import say
from speech.errors import AudioError, InvalidRequest
from speech.stores import exists
from speech.stores.folder import FolderStore
from speech.voices import find
from speech.voices.clip import RATE, make
from speech.voices.library import Upload, add, listing, reference, remove
from tests.scripts import ALICE

pytestmark = pytest.mark.service

SAID = "My grandmother planted these pear trees when she was a girl of seven."


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


def voice(path, text=SAID, gain=1.0, rate=22050, channels=1, before=0.0, after=0.0):
    """A recording of a text, with silence around it."""
    samples = say(text, "en", 150, "en-us+f3").samples * gain
    padded = np.concatenate([np.zeros(int(before * 22050)), samples, np.zeros(int(after * 22050))])
    if rate != 22050:
        import soxr

        padded = soxr.resample(padded, 22050, rate)
    soundfile.write(path, np.stack([padded] * channels, axis=1) if channels > 1 else padded, rate)
    return path


def keys(store):
    return sorted(entry.key for entry in store.list("voices/"))


def upload(path, **fields):
    return Upload.parse(
        {"voice_name": "ann.wav", "voice_file": base64.b64encode(path.read_bytes()).decode(), "reference_text": SAID}
        | fields
    )


# The clip.


@pytest.mark.parametrize(
    ("ending", "rate", "channels"), [("wav", 8000, 1), ("flac", 48000, 2), ("ogg", 44100, 1), ("mp3", 22050, 2)]
)
def test_any_audio_becomes_mono_at_the_engines_rate(tmp_path, ending, rate, channels):
    clip = make(voice(tmp_path / f"a.{ending}", rate=rate, channels=channels), SAID)
    assert clip.samples.ndim == 1
    assert clip.seconds == pytest.approx(len(say(SAID, "en", 150, "en-us+f3").samples) / 22050, abs=0.6)
    assert clip.text == SAID and clip.warnings == ()


def test_silence_around_the_voice_is_taken_off(tmp_path):
    plain, padded = make(voice(tmp_path / "a.wav"), SAID), make(voice(tmp_path / "b.wav", before=3, after=3), SAID)
    assert padded.seconds == pytest.approx(plain.seconds, abs=0.05)


def test_a_long_recording_is_cut_at_a_pause_and_its_transcript_with_it(tmp_path):
    clip = make(voice(tmp_path / "long.wav", ALICE), ALICE)
    assert 6 <= clip.seconds <= 10.1
    assert ALICE.startswith(clip.text)
    assert 5 <= len(clip.text) / clip.seconds <= 30
    tail = clip.samples[-int(0.1 * RATE) :]
    assert np.sqrt(np.mean(tail**2)) < 0.02
    assert "was cut to" in clip.warnings[0]


def test_what_is_cut_says_what_its_transcript_says(tmp_path):
    from speech.alignment.embedded import Embedded
    from speech.audio import record
    from speech.text import chunks
    from speech.words import confidence_of

    clip = make(voice(tmp_path / "long.wav", ALICE), ALICE)
    recording = record(clip.samples, RATE, (), tmp_path / "clip.wav", 16000)
    words = Embedded().align(recording, chunks(clip.text, "en"), "en")
    assert confidence_of(words) > 0.7
    assert words[-1].end > clip.seconds * 1000 - 700


def test_a_transcript_that_nobody_could_speak_so_fast_is_not_believed(tmp_path):
    with pytest.raises(InvalidRequest, match="ref_text"):
        make(voice(tmp_path / "a.wav"), SAID * 10)


def test_a_transcript_of_something_else_is_not_believed(tmp_path):
    other = "In Front des schon seit Kurfürst Georg Wilhelm von der Familie bewohnten Herrenhauses " * 4
    with pytest.raises(InvalidRequest, match="ref_text"):
        make(voice(tmp_path / "long.wav", ALICE), other)


def test_without_a_transcript_and_a_transcriber_the_error_asks_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "none"))
    with pytest.raises(InvalidRequest, match="give its transcript as ref_text"):
        make(voice(tmp_path / "a.wav"), None)


def test_a_recording_that_nobody_transcribed_is_listened_to_by_a_model_from_the_cache(
    components, tmp_path, s3, monkeypatch
):
    """The real pipeline, on a network with random weights: it is fetched, it is loaded, and it hears something."""
    from speech.models import TRANSCRIBER, Location, push
    from tests.fakes.networks import transcriber

    place = Location(tmp_path / "source")
    push(TRANSCRIBER, s3, place, files=transcriber(place.root / TRANSCRIBER))
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "fresh"))
    clip = make(voice(tmp_path / "a.wav"), None, "en", s3)
    assert len(clip.text) > 20
    assert any("transcribed automatically" in note for note in clip.warnings)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(48000), "silent"),
        (np.ones(4800) * 0.5, "lasts 0.2 s"),
        (np.random.default_rng(1).normal(size=48000) * 1e-5, "silent"),
    ],
    ids=["silence", "too short", "hardly a whisper"],
)
def test_what_cannot_be_cloned_is_refused(tmp_path, samples, reason):
    soundfile.write(tmp_path / "a.wav", samples, 24000)
    with pytest.raises(AudioError, match=reason):
        make(tmp_path / "a.wav", SAID)


def test_a_file_that_is_no_audio_is_refused(tmp_path):
    (tmp_path / "a.wav").write_text("<html>not audio</html>")
    with pytest.raises(AudioError, match="not audio"):
        make(tmp_path / "a.wav", SAID)


def test_a_clipped_or_quiet_recording_is_used_and_said_to_be_so(tmp_path):
    assert any("clipped" in note for note in make(voice(tmp_path / "loud.wav", gain=30), SAID).warnings)
    assert any("quiet" in note for note in make(voice(tmp_path / "low.wav", gain=0.08), SAID).warnings)


# The library.


def test_a_voice_is_stored_with_what_was_found_out_about_it(tmp_path, store):
    reply = add(upload(voice(tmp_path / "a.wav")), store)
    assert reply["status"] == "Voice 'ann.wav' uploaded successfully"
    [clip] = [key for key in keys(store) if key.startswith("voices/clips/")]
    assert keys(store) == ["voices/ann.json", "voices/ann.wav", clip]
    known = json.loads(store.read("voices/ann.json"))
    assert known["transcript"] == SAID and known["clip"] == clip and len(known["sha256"]) == 64


def test_a_stored_voice_is_made_ready_only_once(tmp_path, store):
    add(upload(voice(tmp_path / "a.wav")), store)
    known = store.read("voices/ann.json").replace(SAID, "Kept as it was.")
    store.write("voices/ann.json", known, "application/json")
    found, notes = reference(find("ann", store), None, store, tmp_path)
    assert found.text == "Kept as it was." and notes == ()


def test_a_voice_of_the_earlier_system_is_made_ready_when_it_is_first_used(tmp_path, store):
    store.put("voices/old.wav", voice(tmp_path / "a.wav"), "audio/wav")
    store.write("voices/old.txt", SAID, "text/plain")
    found, _ = reference(find("old.wav", store), None, store, tmp_path)
    assert found.text == SAID and found.seconds > 2
    assert "voices/old.json" in keys(store)


def test_a_recording_that_was_replaced_is_made_ready_anew(tmp_path, store):
    add(upload(voice(tmp_path / "a.wav")), store)
    other = "Another voice altogether says something of its own, and rather longer."
    store.put("voices/ann.wav", voice(tmp_path / "b.wav", other), "audio/wav")
    store.write("voices/ann.txt", other, "text/plain")
    found, _ = reference(find("ann", store), None, store, tmp_path)
    assert found.text == other


def test_a_text_given_with_the_request_is_used_and_not_kept(tmp_path, store):
    add(upload(voice(tmp_path / "a.wav")), store)
    found, _ = reference(find("ann", store), SAID + " Indeed.", store, tmp_path)
    assert found.text == SAID + " Indeed."
    assert json.loads(store.read("voices/ann.json"))["transcript"] == SAID


def test_a_name_that_is_taken_is_kept_unless_told_otherwise(tmp_path, store):
    path = voice(tmp_path / "a.wav")
    add(upload(path), store)
    with pytest.raises(InvalidRequest, match=r"'ann.wav' is taken"):
        add(upload(path), store)
    add(upload(path, overwrite=True), store)


def test_voices_are_listed_in_both_spellings(tmp_path, store):
    add(upload(voice(tmp_path / "a.wav")), store)
    store.put("voices/old.wav", voice(tmp_path / "b.wav"), "audio/wav")
    store.write("voices/old.txt", SAID, "text/plain")
    first, second = listing(store)
    assert (first["name"], first["voice_file"], first["text_file"]) == ("ann.wav", "ann.wav", None)
    assert first["duration"] > 2 and first["size"] > 1000 and first["last_modified"]
    assert (second["name"], second["text_file"], second["duration"]) == ("old.wav", "old.txt", None)


def test_a_removed_voice_leaves_nothing(tmp_path, store):
    add(upload(voice(tmp_path / "a.wav")), store)
    remove("ann", store)
    assert keys(store) == []
    with pytest.raises(InvalidRequest, match=r"there is no voice 'ann\.wav'"):
        remove("ann", store)


def test_a_voice_whose_description_names_a_foreign_key_neither_reads_nor_deletes_it(tmp_path, store):
    add(upload(voice(tmp_path / "a.wav")), store)
    known = json.loads(store.read("voices/ann.json"))
    store.put("output/precious.wav", voice(tmp_path / "b.wav", "Another voice altogether."), "audio/wav")
    store.write("voices/ann.json", json.dumps(known | {"clip": "output/precious.wav"}), "application/json")
    found, _ = reference(find("ann", store), SAID, store, tmp_path)
    assert found.path.read_bytes() != (tmp_path / "b.wav").read_bytes()
    remove("ann", store)
    assert exists(store, "output/precious.wav")


@pytest.mark.parametrize("foreign", ["no audio at all", "an hour of silence"])
def test_a_stored_clip_that_is_no_clip_is_made_anew(tmp_path, store, foreign):
    add(upload(voice(tmp_path / "a.wav")), store)
    (clip,) = [key for key in keys(store) if key.startswith("voices/clips/")]
    if foreign == "no audio at all":
        store.write(clip, "#EXTM3U", "audio/wav")
    else:
        write_wav(tmp_path / "long.wav", [np.zeros(3600 * RATE, np.float32)], RATE, RATE)
        store.put(clip, tmp_path / "long.wav", "audio/wav")
    found, _ = reference(find("ann", store), SAID, store, tmp_path)
    assert found.text == SAID and 1 < found.seconds < 11


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "voice_name is required for upload; voice_file_url is required for upload"),
        ({"voice_name": "a.wav"}, "voice_file_url is required for upload"),
        ({"file": "AAAA"}, "voice_name is required for upload"),
        ({"voice_name": "../a.wav", "file": "AAAA"}, "voice_name: '../a.wav' is not accepted"),
        ({"voice_name": "a.mp3", "file": "AAAA"}, "ending in .wav"),
        ({"voice_name": "a" * 200 + ".wav", "file": "AAAA"}, "voice_name"),
        ({"voice_name": "a.wav", "file": "AAAA", "colour": 1}, "colour: unknown field"),
    ],
)
def test_a_bad_upload_is_refused_in_the_words_that_clients_know(fields, text):
    with pytest.raises(InvalidRequest) as caught:
        Upload.parse(fields)
    assert text in str(caught.value)


@pytest.mark.parametrize("encoded", ["not base64!", "AAAA", base64.b64encode(b"<html>").decode()])
def test_what_is_no_recording_is_refused_and_nothing_is_stored(store, encoded):
    with pytest.raises(InvalidRequest, match="voice_file"):
        add(Upload.parse({"voice_name": "a.wav", "file": encoded, "reference_text": SAID}), store)
    assert keys(store) == []


def test_old_names_of_fields_are_understood(tmp_path, store):
    encoded = base64.b64encode(voice(tmp_path / "a.wav").read_bytes()).decode()
    text = base64.b64encode(SAID.encode()).decode()
    add(Upload.parse({"voice_name": "a.wav", "file": f"data:audio/wav;base64,{encoded}", "text_file": text}), store)
    assert json.loads(store.read("voices/a.json"))["transcript"] == SAID
