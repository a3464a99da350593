"""Every store keeps the same promises: a folder, moto's S3 in this process, Ceph's over HTTP and over TLS."""

import re
import threading
from pathlib import Path
from urllib.request import urlopen

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from speech.errors import Denied, KeyRefused, NotFound, SettingsError, StoreError, StoreFull, Unreachable
from speech.stores.folder import FolderStore
from speech.stores.s3 import Bucket, S3Store, region_of
from tests.conftest import bucket_at
from tests.fakes.faults import FaultyProxy
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY, Gateway

pytestmark = pytest.mark.service

KEY = "output/job.wav"


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "moto", "ceph", "ceph over tls"])
def store(request, tmp_path):
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    if request.param == "moto":
        url = request.getfixturevalue("moto")
        options = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **options).create_bucket(Bucket="moto")
        httpx.post(f"{url}/moto-api/reset", trust_env=False)
        boto3.client("s3", endpoint_url=url, **options).create_bucket(Bucket="moto")
        return S3Store(bucket_at(url, "moto"))
    bucket = request.getfixturevalue("bucket")
    if request.param == "ceph":
        return S3Store(bucket)
    authority = request.getfixturevalue("certificates")["authority"]
    gateway = request.getfixturevalue("gateway")
    return S3Store(bucket_at(gateway.tls_url, bucket.name, ca_bundle=authority))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "audio.wav"
    path.write_bytes(bytes(range(256)) * 40_000)
    return path


def test_a_file_comes_back_as_it_went(store, file, tmp_path):
    store.put(KEY, file, "audio/wav")
    store.get(KEY, tmp_path / "back" / "again.wav")
    assert (tmp_path / "back" / "again.wav").read_bytes() == file.read_bytes()
    assert store.head(KEY).size == file.stat().st_size


def test_text_comes_back_as_it_went(store):
    store.write("jobs/1.json", "żółw 你好\r\n", "application/json")
    assert store.read("jobs/1.json") == "żółw 你好\r\n"


def test_writing_again_replaces(store):
    store.write("jobs/1.json", "one", "text/plain")
    store.write("jobs/1.json", "two", "text/plain")
    assert store.read("jobs/1.json") == "two"


def test_a_listing_holds_every_page_and_no_sibling(store):
    threads = [
        threading.Thread(target=lambda first=first: [
            store.write(f"voices/{index:04}.wav", "x", "audio/wav") for index in range(first, 1040, 8)
        ])
        for first in range(8)
    ]  # fmt: skip
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    store.write("voices-old/a.wav", "x", "audio/wav")
    assert sorted(entry.key for entry in store.list("voices/")) == [f"voices/{index:04}.wav" for index in range(1040)]


def test_an_empty_listing_is_no_error(store):
    assert list(store.list("nothing/")) == []


def test_removing_twice_is_no_error(store):
    store.write(KEY, "x", "audio/wav")
    store.delete(KEY)
    store.delete(KEY)
    with pytest.raises(NotFound):
        store.head(KEY)


def test_what_is_not_there_is_named(store, tmp_path):
    for call in (store.head, store.read, lambda key: store.get(key, tmp_path / "x")):
        with pytest.raises(NotFound, match=f"There is no {KEY}"):
            call(KEY)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", "", ".", "a\\b", "a\x00b", "x" * 1025])
def test_a_key_that_climbs_is_refused_everywhere(store, key, tmp_path):
    for call in (store.head, store.read, store.delete, store.presign, lambda key: store.write(key, "x", "text/plain")):
        with pytest.raises(KeyRefused, match="not accepted"):
            call(key)


@pytest.mark.parametrize("key", ["a b+c.wav", "żółw/你好.wav", "100%25.wav", "a=b&c?d#e.wav", "it's.wav"])
def test_odd_names_are_kept(store, key):
    store.write(key, "x", "text/plain")
    assert [entry.key for entry in store.list(key.split("/")[0]) if "/" in key] in ([], [key])
    assert store.read(key) == "x"


def test_anyone_can_fetch_a_presigned_url(store):
    store.write(KEY, "hello", "text/plain")
    url = store.presign(KEY)
    if url.startswith("file:"):
        assert urlopen(url).read() == b"hello"
    elif url.startswith("http:"):
        assert httpx.get(url, trust_env=False).text == "hello"
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
        assert "X-Amz-Expires=3600" in url


def test_people_are_told_where_to_put_files_and_what_lies_there_is_listed(store):
    place = store.locate("inbox/")
    assert place == store.locate("inbox/")
    if isinstance(store, FolderStore):
        Path(place, "a.txt").write_text("Hello.")
    else:
        assert place.startswith("s3://") and place.endswith("/inbox/")
        store.write("inbox/a.txt", "Hello.", "text/plain")
    assert [entry.key for entry in store.list("inbox/")] == ["inbox/a.txt"]


def test_a_presigned_url_names_the_file_as_which_a_browser_saves_the_object(s3):
    s3.write(KEY, "hello", "text/plain")
    wanted = "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.wav"
    answer = httpx.get(s3.presign(KEY, disposition=wanted), trust_env=False)
    assert (answer.status_code, answer.text) == (200, "hello")
    assert answer.headers["content-disposition"] == wanted


def test_a_presigned_url_does_not_hold_the_secret(s3):
    assert "testsecret123" not in s3.presign(KEY)


def test_content_types_are_the_objects_own_and_nothing_else_is_added(bucket, gateway, certificates, file):
    store = S3Store(bucket_at(gateway.tls_url, bucket.name, ca_bundle=certificates["authority"]))
    store.put(KEY, file, "audio/wav")
    store.write("timings/1.srt", "1", "application/x-subrip")
    answers = [httpx.get(S3Store(bucket).presign(key), trust_env=False) for key in (KEY, "timings/1.srt")]
    assert [answer.headers["content-type"] for answer in answers] == ["audio/wav", "application/x-subrip"]
    assert "content-encoding" not in answers[0].headers


def test_a_reader_never_sees_half_a_file(tmp_path):
    store, seen, done = FolderStore(tmp_path), set(), threading.Event()
    bodies = {letter * 2_000_000 for letter in "abc"}
    store.write("x", "a" * 2_000_000, "text/plain")

    def read():
        while not done.is_set():
            seen.add(store.read("x"))

    reader = threading.Thread(target=read)
    reader.start()
    for body in list(bodies) * 5:
        store.write("x", body, "text/plain")
    done.set()
    reader.join()
    assert seen <= bodies


@pytest.fixture
def proxy(gateway):
    proxy = FaultyProxy(gateway.url)
    yield proxy
    proxy.stop()


def through(proxy, bucket, **changes):
    return S3Store(bucket_at(proxy.url, bucket.name, **changes))


def test_a_wrong_secret_is_denied_and_said_so(bucket):
    store = S3Store(bucket_at(bucket.endpoint, bucket.name, secret_key=SecretStr("wrong")))
    with pytest.raises(Denied, match="the secret key is wrong"):
        store.write(KEY, "x", "text/plain")
    with pytest.raises(Denied):
        list(store.list("voices/"))
    with pytest.raises(Denied):
        store.head(KEY)


def test_an_unknown_key_is_denied_and_said_so(bucket):
    store = S3Store(bucket_at(bucket.endpoint, bucket.name, access_key=SecretStr("nobody")))
    with pytest.raises(Denied, match="access key is not known"):
        store.write(KEY, "x", "text/plain")


def test_no_credentials_at_all_is_said_so():
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        S3Store(Bucket("bucket", endpoint="http://127.0.0.1:9"))


def test_a_bucket_that_does_not_exist_is_named(gateway):
    store = S3Store(bucket_at(gateway.url, "no-such-bucket"))
    for call in (lambda: store.write(KEY, "x", "text/plain"), lambda: list(store.list("voices/"))):
        with pytest.raises(StoreError, match=r"no-such-bucket .*does not exist"):
            call()


def test_a_server_that_is_down_is_unreachable_and_may_pass():
    store = S3Store(bucket_at("http://127.0.0.1:9", "bucket", timeout=2))
    with pytest.raises(Unreachable, match="does not answer") as caught:
        store.read(KEY)
    assert caught.value.transient


def test_a_server_that_asks_to_slow_down_is_asked_again(proxy, bucket):
    refused = iter(["refuse", "plain"])
    proxy.mode = lambda method, path: next(refused, "plain")
    through(proxy, bucket, retries=3).write(KEY, "x", "text/plain")
    assert len(proxy.seen) == 2


@pytest.mark.parametrize("mode", ["refuse", "hang", "die"])
def test_a_server_that_stays_ill_is_unreachable(proxy, bucket, mode):
    proxy.mode = mode
    with pytest.raises(Unreachable):
        through(proxy, bucket, timeout=1, retries=1).write(KEY, "x", "text/plain")


def test_a_body_that_is_cut_leaves_no_file(proxy, bucket, file, tmp_path):
    through(proxy, bucket).put(KEY, file, "audio/wav")
    proxy.mode = "cut"
    with pytest.raises(Unreachable):
        through(proxy, bucket, timeout=2, retries=0).get(KEY, tmp_path / "copy" / "x.wav")
    assert list((tmp_path / "copy").iterdir()) == []


def test_a_full_bucket_is_named(tmp_path):
    small = Gateway(tmp_path / "small", size=60_000_000)
    try:
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=small.url, **keys).create_bucket(Bucket="small")
        small.admin("quota", "set", "--quota-scope=bucket", "--uid=test", "--max-objects=1")
        small.admin("quota", "enable", "--quota-scope=bucket", "--uid=test")
        store = S3Store(bucket_at(small.url, "small"))
        with pytest.raises(StoreFull, match="no space left"):
            for index in range(50):
                store.write(f"output/{index}.wav", "x", "audio/wav")
    finally:
        small.stop()


def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(StoreError, match="/proc/nowhere cannot be used"):
        FolderStore(Path("/proc/nowhere"))


def test_errors_never_hold_a_signature_or_a_key(bucket):
    store = S3Store(bucket_at(bucket.endpoint, bucket.name, secret_key=SecretStr("hunter2hunter2")))
    with pytest.raises(Denied) as caught:
        store.read(KEY)
    assert not re.search("hunter2|X-Amz|testkey", str(caught.value))
    assert "hunter2" not in repr(bucket_at("http://x", "b", secret_key=SecretStr("hunter2")))


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://s3.us-west-001.backblazeb2.com", "us-west-001"),
        ("https://fra1.digitaloceanspaces.com", "fra1"),
        ("https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ("https://s3.eu-central-2.wasabisys.com", "eu-central-2"),
        ("http://127.0.0.1:9000", "us-east-1"),
        (None, "us-east-1"),
    ],
)
def test_the_region_is_taken_from_the_endpoint(endpoint, region):
    assert region_of(endpoint) == region


def test_of_updates_at_once_none_is_lost(store):
    start = threading.Barrier(8)

    def add(number):
        start.wait()
        store.update("books/sea/list.txt", lambda text: f"{text or ''}{number} ", "text/plain")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, store.read("books/sea/list.txt").split())) == list(range(8))
