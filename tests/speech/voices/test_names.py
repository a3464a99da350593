"""Voices by name."""

import pytest

from speech.errors import InvalidRequest
from speech.stores.folder import FolderStore
from speech.voices import DEFAULT, find, redact_url


def test_a_stored_voice_is_found_with_or_without_its_ending(tmp_path):
    store = FolderStore(tmp_path)
    store.write("voices/ann.wav", "RIFF", "audio/wav")
    assert find("ann", store).key == find("ann.wav", store).key == "voices/ann.wav"


def test_a_voice_that_is_not_there_is_named_in_the_words_that_clients_know(tmp_path):
    with pytest.raises(InvalidRequest, match=r"^Failed to download voice file: bob\.wav$"):
        find("bob.wav", FolderStore(tmp_path))


def test_the_packaged_voice_has_a_name_unless_a_stored_one_has_it(tmp_path):
    store = FolderStore(tmp_path)
    assert find("demo", store) == DEFAULT
    store.write("voices/demo.wav", "RIFF", "audio/wav")
    assert find("demo", store).key == "voices/demo.wav"


def test_no_voice_is_the_default_one(tmp_path):
    assert find(None, FolderStore(tmp_path)) == DEFAULT


def test_a_url_is_shown_without_what_grants_access():
    assert redact_url("https://x.org/a.wav?X-Amz-Signature=abc#d") == "https://x.org/a.wav"
