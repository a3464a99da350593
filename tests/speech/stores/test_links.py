"""Links to a bucket: size takes its time, silence ends; what has arrived does not go again."""

import os
import socket

import boto3
import pytest

from speech.errors import Denied, SpeechError, StoreError, Unreachable
from speech.stores.s3 import S3Store
from speech.stores.uploads import PART
from tests.conftest import bucket_at
from tests.fakes.faults import FaultyProxy, NoS3, SlowLink
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY

pytestmark = pytest.mark.service

KEY = "output/job.wav"


@pytest.fixture
def link(gateway):
    link = SlowLink(gateway.port)
    yield link
    link.stop()


@pytest.fixture
def proxy(gateway):
    proxy = FaultyProxy(gateway.url)
    yield proxy
    proxy.stop()


def file_of(size, tmp_path):
    path = tmp_path / "audio.wav"
    path.write_bytes(os.urandom(size))
    return path


def unfinished(bucket):
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=bucket.endpoint, **keys)
    return client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])


@pytest.mark.parametrize("size", [1_500_000, PART + 1_500_000])
def test_what_moves_may_take_longer_than_the_timeout(bucket, link, tmp_path, size):
    path = file_of(size, tmp_path)
    slow = S3Store(bucket_at(link.url, bucket.name, timeout=2, retries=3))
    link.rate = size / 4
    slow.put(KEY, path, "audio/wav")
    slow.get(KEY, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_a_connection_that_falls_silent_while_sending_is_tried_again(bucket, link, tmp_path):
    path = file_of(3_000_000, tmp_path)
    link.silent_once_at = 1_000_000
    S3Store(bucket_at(link.url, bucket.name, timeout=1, retries=3)).put(KEY, path, "audio/wav")
    assert S3Store(bucket).head(KEY).size == 3_000_000
    assert link.silent_once_at is None


def test_a_link_that_stays_silent_is_told_as_such_and_may_pass(bucket, link, tmp_path):
    store = S3Store(bucket_at(link.url, bucket.name, timeout=0.5, retries=1))
    store.write(KEY, "x", "text/plain")
    path = file_of(3_000_000, tmp_path)
    link.silent = True
    for call in (
        lambda: store.put(KEY, path, "audio/wav"),
        lambda: store.write(KEY, "y", "text/plain"),
        lambda: store.read(KEY),
        lambda: store.head(KEY),
        lambda: store.get(KEY, tmp_path / "back"),
        lambda: list(store.list("output/")),
        lambda: store.delete(KEY),
    ):
        with pytest.raises(Unreachable, match="stalled") as caught:
            call()
        assert caught.value.transient
        assert "AWS_ENDPOINT_URL" not in str(caught.value)


def test_a_put_that_is_tried_again_sends_only_the_parts_that_did_not_arrive(bucket, proxy, tmp_path):
    path = file_of(3 * PART - 1000, tmp_path)
    store = S3Store(bucket_at(proxy.url, bucket.name, retries=0))
    puts = []

    def third_is_refused(method, path):
        puts.append(method)
        return "refuse" if puts.count("PUT") == 3 and method == "PUT" else "plain"

    proxy.mode = third_is_refused
    with pytest.raises(Unreachable):
        store.put(KEY, path, "audio/wav")
    proxy.mode = "plain"
    proxy.seen.clear()
    store.put(KEY, path, "audio/wav")
    assert [method for method, _ in proxy.seen] == ["PUT", "POST"]
    store.get(KEY, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert unfinished(bucket) == []


def test_a_file_that_has_changed_meanwhile_is_sent_as_it_is_now(bucket, proxy, tmp_path):
    path = file_of(2 * PART, tmp_path)
    store = S3Store(bucket_at(proxy.url, bucket.name, retries=0))
    proxy.mode = lambda method, path: "refuse" if [one[0] for one in proxy.seen].count("POST") == 2 else "plain"
    with pytest.raises(Unreachable):
        store.put(KEY, path, "audio/wav")
    proxy.mode = "plain"
    file_of(2 * PART, tmp_path)
    store.put(KEY, path, "audio/wav")
    store.get(KEY, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_an_upload_that_is_given_up_leaves_nothing(bucket, proxy, tmp_path):
    path = file_of(2 * PART, tmp_path)
    store = S3Store(bucket_at(proxy.url, bucket.name, retries=0))
    proxy.mode = lambda method, path: "denied" if method == "PUT" else "plain"
    with pytest.raises(Denied):
        store.put(KEY, path, "audio/wav")
    assert unfinished(bucket) == []
    proxy.mode = lambda method, path: "refuse" if method == "PUT" else "plain"
    with pytest.raises(Unreachable):
        store.put(KEY, path, "audio/wav")
    assert len(unfinished(bucket)) == 1
    store.delete(KEY)
    assert unfinished(bucket) == []


def reply(status, body, *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


ANSWERS = {
    "a web page": reply("200 OK", b"<html>Log in</html>", "Content-Type: text/html"),
    "nothing": reply("200 OK", b""),
    "half an answer": reply("200 OK", b"<?xml version='1.0'?><ListBuck"),
    "a cut": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no word": None,
    "500": reply("500 Oops", b"<html>"),
    "503": reply("503 Busy", b""),
    "400": reply("400 Bad", b"<html>"),
    "401": reply("401 No", b"<html>"),
    "403": reply("403 No", b""),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_whatever_a_bucket_answers_is_an_error_of_ours(tmp_path, answer):
    kind = answer[9:12].decode() if answer and answer.startswith(b"HTTP") else "200"
    expected = {"401": Denied, "403": Denied, "400": StoreError}.get(kind, Unreachable)
    server = NoS3(answer)
    store = S3Store(bucket_at(server.url, "bucket", timeout=5, retries=0))
    (tmp_path / "small").write_bytes(b"x")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(PART + 1)
    calls = {
        "write": lambda: store.write(KEY, "x", "text/plain"),
        "put": lambda: store.put(KEY, tmp_path / "small", "audio/wav"),
        "put in parts": lambda: store.put(KEY, large, "audio/wav"),
        "read": lambda: store.read(KEY),
        "get": lambda: store.get(KEY, tmp_path / "back"),
        "read_range": lambda: store.read_range(KEY, 0, 10),
        "head": lambda: store.head(KEY),
        "list": lambda: list(store.list("output/")),
        "strays": lambda: list(store.strays("output/")),
        "move": lambda: store.move(KEY, "output/b.wav"),
        "delete": lambda: store.delete(KEY),
    }
    try:
        for name, call in calls.items():
            if (
                name == "delete"
                and kind == "200"
                and answer not in (ANSWERS["a web page"], *list(ANSWERS.values())[3:6])
            ):
                continue  # What is asked to be gone has no body to answer with.
            with pytest.raises(SpeechError) as caught:
                call()
            assert isinstance(caught.value, expected), (name, caught.value)
            assert caught.value.transient == (expected is Unreachable), (name, caught.value)
    finally:
        server.stop()
    assert not (tmp_path / "back").exists()


def test_a_name_that_no_name_server_knows_may_pass(tmp_path):
    store = S3Store(bucket_at("http://store.invalid", "bucket", timeout=5, retries=0))
    for call in (lambda: store.read(KEY), lambda: store.write(KEY, "x", "text/plain")):
        with pytest.raises(Unreachable, match=r"host of the bucket .* cannot be resolved|does not answer"):
            call()


def test_a_half_open_connection_is_silence(tmp_path):
    """Whoever listens and never accepts looks like a peer that is gone without a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as peer:
        store = S3Store(bucket_at(f"http://127.0.0.1:{peer.getsockname()[1]}", "bucket", timeout=0.5, retries=0))
        for call in (lambda: store.read(KEY), lambda: store.write(KEY, "x" * 5_000_000, "text/plain")):
            with pytest.raises(Unreachable, match=r"stalled|does not answer"):
                call()
