"""What Prefect keeps of a voice's URL opens nothing to those who read it there."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from speech.errors import InvalidRequest
from speech.request import SpeechRequest
from speech.stores.folder import FolderStore
from speech.voices import redact_url
from speech.voices import seal as sealing
from speech.voices.seal import FOLDER, seal, sealed, unseal

SECRET = "X-Amz-Expires=3600&X-Amz-Signature=0123456789abcdef"
URL = f"https://example.com/voices/ann%20b.wav?{SECRET}"


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


@pytest.fixture(autouse=True)
def another_process():
    """Which knows no key yet."""
    sealing._cache.clear()
    yield
    sealing._cache.clear()


def test_a_sealed_url_shows_where_the_voice_lies_and_not_what_opens_it(store):
    kept = seal(URL, store)
    assert redact_url(kept) == "https://example.com/voices/ann%20b.wav"
    assert "0123456789abcdef" not in kept and "Signature" not in kept


def test_any_worker_of_the_store_can_open_it(store, tmp_path):
    kept = seal(URL, store)
    sealing._cache.clear()
    assert unseal(kept, FolderStore(tmp_path / "store")) == URL


def test_a_request_is_the_same_but_for_its_voice_and_is_valid(store):
    request = SpeechRequest.parse({"text": "Hi", "local_voice": URL + "&pad=" + "x" * 1900, "seed": 3})
    kept = sealed(request, store)
    assert SpeechRequest.parse(kept.model_dump(exclude_unset=True)) == kept
    assert kept.model_copy(update={"local_voice": None}) == request.model_copy(update={"local_voice": None})
    assert unseal(kept.local_voice, store) == request.local_voice


def test_a_cast_is_the_same_but_for_its_urls(store):
    cast = {"Ann": URL, "Bob": f"{URL}&bob", "Cid": "cid.wav", "Dee": "https://example.com/dee.wav"}
    request = SpeechRequest.parse({"text": "Hi", "cast": cast})
    kept = sealed(request, store)
    assert "Signature" not in kept.model_dump_json()
    assert SpeechRequest.parse(kept.model_dump(exclude_unset=True)) == kept
    assert {name: unseal(voice, store) for name, voice in kept.cast.items()} == request.cast
    assert (kept.cast["Cid"], kept.cast["Dee"]) == (cast["Cid"], cast["Dee"])


@pytest.mark.parametrize("voice", [None, "ann.wav", "https://example.com/ann.wav"])
def test_a_voice_without_a_query_stays_as_it_is_and_needs_no_key(store, voice):
    request = SpeechRequest.parse({"text": "Hi", "local_voice": voice})
    assert sealed(request, store).local_voice == voice
    assert not list(store.list(FOLDER))


def test_a_client_cannot_send_what_it_has_read_in_prefect(store):
    stolen = seal(URL, store)
    assert seal(stolen, store) == "https://example.com/voices/ann%20b.wav"
    assert SECRET not in unseal(seal(stolen.replace("#", "?a=b#"), store), store)


@pytest.mark.parametrize("change", ["another store", "cut", "no key's name", "a path"])
def test_what_cannot_be_opened_is_said_without_the_query(store, tmp_path, change):
    kept = seal(URL, store)
    sealing._cache.clear()
    asked = FolderStore(tmp_path / "other") if change == "another store" else store
    name = kept.partition("#sealed-")[2].partition("-")[0]
    broken = {
        "another store": kept, "cut": kept[:-5], "no key's name": kept.replace(name, "0"),
        "a path": kept.replace(name, "../voices/x"),
    }[change]  # fmt: skip
    with pytest.raises(InvalidRequest, match=r"^local_voice: https://example\.com/voices/ann%20b\.wav was sealed"):
        unseal(broken, asked)


def test_two_that_seal_at_once_can_both_be_opened(store):
    def one(number):
        sealing._cache.clear()
        return seal(f"{URL}&n={number}", store)

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(one, range(16)))
    sealing._cache.clear()
    assert [unseal(url, store) for url in kept] == [f"{URL}&n={number}" for number in range(16)]


def test_a_url_that_is_too_long_is_refused_without_its_query():
    with pytest.raises(InvalidRequest) as caught:
        SpeechRequest.parse({"text": "Hi", "local_voice": URL + "x" * 2048})
    assert "longer than 2048" in str(caught.value) and "Signature" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "garbage"])
def test_what_else_lies_among_the_keys_is_passed_over(store, content):
    store.write(f"{FOLDER}.DS_Store", content, "text/plain")
    assert unseal(seal(URL, store), store) == URL
