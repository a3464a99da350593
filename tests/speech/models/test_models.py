"""The model cache, against a real S3 server, with a proxy before it that does what networks do."""

import json
import os
import random
import subprocess
import sys
import time

import pytest

from speech.errors import DamagedModel, KeyRefused, ModelError, SpeechError, Unreachable
from speech.models import Location, find, fsync_model, listing, obtain, push, sync, verify
from speech.models.location import candidates, choose
from speech.models.manifest import PART, parse
from speech.stores.s3 import S3Store
from tests import PATIENCE
from tests.conftest import bucket_at
from tests.fakes.faults import FaultyProxy
from tests.fakes.hub import REVISION, Hub

NAME = "f5-tts/tiny"


@pytest.fixture
def location(tmp_path):
    return Location(tmp_path / "models")


@pytest.fixture
def fresh(tmp_path):
    """A second machine."""
    return Location(tmp_path / "fresh")


def make(location, files, name=NAME):
    """A model that lies here; returns its paths."""
    paths = []
    for path, content in files.items():
        (location.root / path).parent.mkdir(parents=True, exist_ok=True)
        (location.root / path).write_bytes(content)
        paths.append(location.root / path)
    return paths


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


BIG = {"tiny/model.safetensors": noise(3 * PART + 12345), "tiny/vocab.txt": b"a\nb\n", "tiny/empty.txt": b""}


@pytest.fixture
def pushed(location, s3):
    """A model in the bucket."""
    push(NAME, s3, location, files=make(location, BIG))
    return s3


@pytest.fixture
def proxy(gateway):
    served = FaultyProxy(gateway.url)
    yield served
    served.stop()


def through(proxy, bucket, **changes):
    return S3Store(bucket_at(proxy.url, bucket.name, **changes))


def at_first(proxy, fault, times):
    """Let the first downloads of files come to harm; returns what did, as it happens."""
    harmed = []

    def mode(method, path):
        if "/blobs/" in path and len(harmed) < times:
            harmed.append(path)
            return fault
        return "plain"

    proxy.mode = mode
    return harmed


def contents(location):
    return {path: (location.root / path).read_bytes() for path in BIG}


def test_a_model_comes_back_as_it_was_pushed(pushed, fresh):
    local = sync(NAME, pushed, fresh)
    assert contents(fresh) == BIG
    assert local.file("*.safetensors") == fresh.root / "tiny/model.safetensors"
    assert find(NAME, fresh) == local
    assert verify(NAME, fresh) == []


def test_what_the_bucket_lacks_is_not_there(s3, fresh):
    assert sync("f5-tts/other", s3, fresh) is None
    assert find("f5-tts/other", fresh) is None


def test_the_manifest_is_written_last(location, bucket, proxy):
    files = make(location, BIG)
    proxy.mode = lambda method, path: "refuse" if method == "PUT" and "manifests" in path else "plain"
    with pytest.raises(SpeechError):
        push(NAME, through(proxy, bucket, retries=0), location, files=files)
    written = [path for method, path in proxy.seen if method in ("PUT", "POST")]
    assert "manifests" in written[-1] and all("manifests" not in path for path in written[:-1] if "blobs" in path)
    proxy.mode = "plain"
    assert sync(NAME, through(proxy, bucket), Location(location.root.parent / "other")) is None


def test_only_what_the_bucket_lacks_is_sent(location, pushed):
    assert push(NAME, pushed, location) == 0
    make(location, {"tiny/more.bin": noise(1000, 2)})
    files = [location.root / path for path in (*BIG, "tiny/more.bin")]
    assert push(NAME, pushed, location, files=files) == 1000


def test_a_file_under_two_names_is_stored_and_fetched_once(location, fresh, bucket, proxy):
    content = noise(100_000)
    store = through(proxy, bucket)
    push(NAME, store, location, files=make(location, {"a/one.bin": content, "b/two.bin": content}))
    sync(NAME, store, fresh)
    fetched = [path for method, path in proxy.seen if method == "GET" and "/blobs/" in path]
    assert len(fetched) == 1
    assert (fresh.root / "b/two.bin").read_bytes() == content
    assert (fresh.root / "a/one.bin").samefile(fresh.root / "b/two.bin")


def test_what_lies_here_is_not_fetched_again(pushed, fresh, bucket, proxy):
    sync(NAME, pushed, fresh)
    sync(NAME, through(proxy, bucket), fresh)
    assert not [path for _, path in proxy.seen if "/blobs/" in path]


def test_a_changed_manifest_fetches_only_what_changed(location, pushed, fresh, bucket, proxy):
    sync(NAME, pushed, fresh)
    changed = BIG | {"tiny/vocab.txt": b"a\nc\n"}
    push(NAME, pushed, location, files=make(location, changed))
    sync(NAME, through(proxy, bucket), fresh)
    assert contents(fresh) == changed
    assert len([path for _, path in proxy.seen if "/blobs/" in path]) == 1


def test_a_flipped_bit_is_noticed_and_fetched_anew(pushed, fresh, bucket, proxy):
    flipped = at_first(proxy, "flip", 1)
    sync(NAME, through(proxy, bucket), fresh)
    assert flipped and contents(fresh) == BIG


def test_an_object_that_stays_damaged_is_refused_by_name(pushed, fresh, bucket, proxy):
    proxy.mode = lambda method, path: "flip" if "/blobs/" in path else "plain"
    with pytest.raises(DamagedModel, match=r"tiny/.* is damaged"):
        sync(NAME, through(proxy, bucket), fresh)
    assert find(NAME, fresh) is None
    proxy.mode = "plain"
    sync(NAME, through(proxy, bucket), fresh)
    assert contents(fresh) == BIG


def test_a_connection_that_is_cut_is_taken_up_again(pushed, fresh, bucket, proxy):
    cut = at_first(proxy, "cut", 2)
    sync(NAME, through(proxy, bucket), fresh)
    assert len(cut) == 2 and contents(fresh) == BIG


CHILD = """
import sys
from pathlib import Path
from speech.models import Location, sync
from speech.stores.s3 import S3Store
from tests.conftest import bucket_at
sync(sys.argv[3], S3Store(bucket_at(sys.argv[1], sys.argv[2])), Location(Path(sys.argv[4])))
"""


def start(url, bucket, location):
    return subprocess.Popen([sys.executable, "-c", CHILD, url, bucket.name, NAME, str(location.root)])


def test_a_killed_process_leaves_nothing_that_looks_whole_and_the_next_one_goes_on(pushed, fresh, bucket, proxy):
    proxy.mode = lambda method, path: "slow" if "/blobs/" in path else "plain"
    process = start(proxy.url, bucket, fresh)
    partial = fresh.root / ".f5-flows" / "partial"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not any(path.stat().st_blocks > 1000 for path in partial.glob("*")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert find(NAME, fresh) is None
    assert not (fresh.root / "tiny/model.safetensors").exists()
    proxy.mode = "plain"
    proxy.seen.clear()
    sync(NAME, through(proxy, bucket), fresh)
    assert contents(fresh) == BIG
    fetched = [path for _, path in proxy.seen if "/blobs/" in path]
    assert len(fetched) < 4 + 1  # of the big file's four parts at least one was there; vocab may be too


def test_two_processes_fetch_a_file_once(pushed, fresh, bucket, proxy):
    proxy.mode = lambda method, path: "slow" if "/blobs/" in path else "plain"
    both = [start(proxy.url, bucket, fresh) for _ in range(2)]
    assert [process.wait(PATIENCE) for process in both] == [0, 0]
    assert contents(fresh) == BIG
    fetched = [path for method, path in proxy.seen if method == "GET" and "/blobs/" in path]
    assert len(fetched) == 5  # four parts and the vocabulary; an empty file is not asked for


def test_two_hundred_small_files_come_back(location, fresh, s3):
    files = {f"many/{index:03}.bin": noise(20_000 + index, index) for index in range(200)}
    push("f5-tts/many", s3, location, files=make(location, files))
    sync("f5-tts/many", s3, fresh)
    assert {path: (fresh.root / path).read_bytes() for path in files} == files


def test_too_little_room_is_told_before_anything_is_fetched(location, s3, fresh, bucket, proxy):
    push(NAME, s3, location, files=make(location, BIG))
    text = json.loads(s3.read(f"models/manifests/{NAME}.json"))
    text["files"][0] |= {"size": 10**14, "parts": ["0" * 64] * -(-(10**14) // PART)}
    s3.write(f"models/manifests/{NAME}.json", json.dumps(text), "application/json")
    with pytest.raises(ModelError, match=r"need 100000000 MB at .*; \d+ MB are free"):
        sync(NAME, through(proxy, bucket, timeout=60), fresh)
    assert not [path for _, path in proxy.seen if "/blobs/" in path]


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/passwd", "a/../../evil", ".f5-flows/manifests/x.json", "a\\b", "a\0b"]
)
def test_a_manifest_cannot_write_outside_the_cache(pushed, fresh, path):
    text = json.loads(pushed.read(f"models/manifests/{NAME}.json"))
    text["files"][0]["path"] = path
    pushed.write(f"models/manifests/{NAME}.json", json.dumps(text), "application/json")
    with pytest.raises(ModelError, match="cannot be used"):
        sync(NAME, pushed, fresh)
    assert not fresh.root.exists() or not list(fresh.root.rglob("evil"))


def test_a_manifest_cannot_be_written_down_under_another_name(pushed, fresh):
    text = json.loads(pushed.read(f"models/manifests/{NAME}.json"))
    pushed.write(f"models/manifests/{NAME}.json", json.dumps(text | {"model": "../../../evil"}), "application/json")
    with pytest.raises(ModelError, match=r"belongs to '\.\./\.\./\.\./evil'"):
        sync(NAME, pushed, fresh)
    assert not list(fresh.root.parent.rglob("evil*"))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"model": "x", "files": [{"path": "a", "size": 1, "digest": "zz"}]}']
)
def test_what_is_no_manifest_is_said_to_be_none(text):
    with pytest.raises(ModelError, match="cannot be used"):
        parse(text, NAME)


def test_a_name_cannot_leave_the_manifests(s3, fresh):
    with pytest.raises(KeyRefused):
        sync("../../voices/x", s3, fresh)


def test_verify_names_what_has_changed(pushed, fresh):
    sync(NAME, pushed, fresh)
    path = fresh.root / "tiny/model.safetensors"
    with path.open("r+b") as file:
        file.seek(PART + 5)
        file.write(b"x")
    assert verify(NAME, fresh) == ["tiny/model.safetensors"]


def another_start(location):
    """As if the machine had been started anew since the model came."""
    path = location.root / ".f5-flows" / "manifests" / f"{NAME}.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"unsettled": "another start"}))
    return told["unsettled"]


def test_what_came_before_the_machines_last_start_is_hashed_before_it_is_used(pushed, fresh):
    sync(NAME, pushed, fresh)
    weights = fresh.root / "tiny/model.safetensors"
    assert another_start(fresh)
    assert find(NAME, fresh)
    assert another_start(fresh) == ""
    weights.write_bytes(bytes(weights.stat().st_size))
    assert find(NAME, fresh) is None
    sync(NAME, pushed, fresh)
    assert contents(fresh) == BIG


def test_what_is_settled_is_not_hashed_again(pushed, fresh):
    sync(NAME, pushed, fresh)
    fsync_model(NAME, fresh)
    assert another_start(fresh) == ""


def test_the_listing_tells_where_each_model_is(location, pushed, fresh):
    make(fresh, {"x.bin": b"x"})
    assert {name: where for name, (where, _) in listing(pushed, location).items()} == {NAME: "both"}
    assert {name: where for name, (where, _) in listing(pushed, fresh).items()} == {NAME: "bucket"}
    assert {name: where for name, (where, _) in listing(None, location).items()} == {NAME: "here"}


# The hub's part: a first load, a push, and a fresh machine that never asks the hub.

VOCODER = "vocoder/vocos-mel-24khz"
REPOSITORY = {
    "charactr/vocos-mel-24khz": {"config.yaml": b"x: 1\n", "pytorch_model.bin": noise(400_000), "README.md": b"-"}
}

LOAD = """
import json, sys
from pathlib import Path
from speech.models import Location, announce, obtain
from speech.stores.s3 import S3Store
from tests.conftest import bucket_at
root, url, name, online = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "online"
place = Location(root)
store = S3Store(bucket_at(url, name, retries=0)) if name else None
announce(place, offline=not online)
found = obtain(["vocoder/vocos-mel-24khz"], place, store, online=online)
loaded = None
if sys.argv[5:] and found.models:
    from huggingface_hub import constants, hf_hub_download
    path = hf_hub_download("charactr/vocos-mel-24khz", "config.yaml")
    loaded = [constants.HF_HUB_OFFLINE, constants.HF_HUB_CACHE, path]
print(json.dumps([{name: [str(path) for path in one.files] for name, one in found.models.items()},
                  found.problems, found.notes, loaded]))
"""


def load(location, hub, url="", bucket="", online="online", *more):
    variables = dict(os.environ) | {"HF_ENDPOINT": hub, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "3"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(location.root), url, bucket, online, *more],
        env=variables, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def hub():
    served = Hub(REPOSITORY)
    yield served
    served.stop()


def test_a_model_goes_from_the_hub_to_the_bucket_and_from_there_to_a_machine_that_is_offline(
    hub, location, fresh, bucket, gateway
):
    models, problems, notes, _ = load(location, hub.url, gateway.url, bucket.name)
    assert (problems, notes) == ({}, [])
    assert [path.rsplit("/", 1)[1] for path in models[VOCODER]] == ["config.yaml", "pytorch_model.bin", "main"]
    hub.stop()
    models, problems, notes, loaded = load(fresh, hub.url, gateway.url, bucket.name, "offline", "load")
    assert (problems, notes) == ({}, [])
    offline, cache, path = loaded
    assert offline is True and cache == str(fresh.hub)
    assert path == str(fresh.hub / f"models--charactr--vocos-mel-24khz/snapshots/{REVISION}/config.yaml")
    weights = fresh.hub / f"models--charactr--vocos-mel-24khz/snapshots/{REVISION}/pytorch_model.bin"
    assert weights.read_bytes() == REPOSITORY["charactr/vocos-mel-24khz"]["pytorch_model.bin"]


@pytest.mark.service
def test_the_hub_is_asked_only_for_the_files_that_are_needed(hub, location):
    load(location, hub.url)
    assert not [path for path in hub.seen if path.endswith("README.md")]


@pytest.mark.service
def test_a_bucket_that_does_not_answer_is_a_note_and_the_hub_serves(hub, location):
    models, problems, notes, _ = load(location, hub.url, "http://127.0.0.1:9", "nowhere")
    assert models and not problems
    assert any("model cache was not used" in note for note in notes)
    assert any("not pushed" in note for note in notes)


@pytest.mark.service
def test_a_bucket_that_does_not_answer_does_not_matter_to_what_lies_here(hub, location):
    load(location, hub.url)
    hub.stop()
    models, problems, _, _ = load(location, hub.url, "http://127.0.0.1:9", "nowhere", "offline")
    assert models and not problems


def test_a_damaged_object_is_replaced_by_what_the_hub_has(hub, location, fresh, bucket, gateway, s3):
    load(location, hub.url, gateway.url, bucket.name)
    manifest = parse(s3.read(f"models/manifests/{VOCODER}.json"), VOCODER)
    digest = next(file.digest for file in manifest.files if file.path.endswith(".bin"))
    s3.write(f"models/blobs/{digest}", "x" * 400_000, "application/octet-stream")
    models, problems, notes, _ = load(fresh, hub.url, gateway.url, bucket.name)
    assert models and not problems and any("damaged" in note for note in notes)
    other = Location(fresh.root.parent / "third")
    hub.stop()
    models, problems, notes, _ = load(other, hub.url, gateway.url, bucket.name, "offline")
    assert (problems, notes) == ({}, [])


def test_neither_hub_nor_cache_is_said_in_words(location):
    models, problems, _, _ = load(location, "http://127.0.0.1:9")
    assert models == {}
    assert "cannot be fetched from charactr/vocos-mel-24khz" in problems[VOCODER]
    assert "f5-flows models push" in problems[VOCODER]


def test_what_nobody_publishes_must_be_in_the_cache(location, s3):
    found = obtain([NAME], location, s3)
    assert "neither in the model cache nor here" in found.problems[NAME]


# Where models lie.


def test_the_volume_is_preferred_and_the_home_is_the_way_out(tmp_path, monkeypatch):
    volume = tmp_path / "volume"
    volume.mkdir()
    monkeypatch.setenv("RUNPOD_VOLUME", str(volume))
    assert choose().root == volume / "models"
    monkeypatch.setenv("RUNPOD_VOLUME", str(tmp_path / "unmounted"))
    from speech.settings import settings

    location = choose()
    assert location.root == settings().f5_flows_home / "models"
    assert "not mounted" in location.rejected[0]


def test_without_room_anywhere_each_place_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    with pytest.raises(ModelError, match=r"There is no place for models: .* MB are free"):
        choose(10**18)
    assert candidates() == [tmp_path / "models"]


def test_every_library_is_told_the_place_before_it_is_imported(tmp_path):
    names = ("HF_HOME", "HF_HUB_CACHE", "TRANSFORMERS_CACHE", "TORCH_HOME", "CACHED_PATH_CACHE_ROOT")
    code = (
        "import os; from pathlib import Path; from speech.models import Location, announce\n"
        f"announce(Location(Path({str(tmp_path)!r})), offline=True)\n"
        f"print(*[os.environ[name] for name in {names}], os.environ['HF_HUB_OFFLINE'])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert all(path.startswith(str(tmp_path)) for path in told[:-1])
    assert told[-1] == "1"


def test_a_store_that_fails_for_a_moment_is_asked_again(pushed, fresh, bucket, proxy):
    at_first(proxy, "refuse", 3)
    sync(NAME, through(proxy, bucket, retries=0), fresh)
    assert contents(fresh) == BIG


def test_a_store_that_is_away_is_told(fresh, bucket):
    with pytest.raises(Unreachable):
        sync(NAME, S3Store(bucket_at("http://127.0.0.1:9", bucket.name, retries=0)), fresh)
