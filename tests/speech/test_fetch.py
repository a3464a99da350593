"""URLs that clients name are hostile until checked."""

import gzip
import http.server
import logging
import socket
import ssl
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.errors import FetchError, SettingsError
from speech.fetch import Network, fetch, locate
from tests import PATIENCE
from tests.conftest import small_disk
from tests.fakes.web import Peer, serve


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = self.server.told.get(self.path.split("?")[0])
        if told is None:
            self.send_error(404)
        elif isinstance(told, str):
            self.send_response(302)
            self.send_header("Location", told)
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            for _ in range(told):
                try:
                    self.wfile.write(b"x" * 1000)
                except OSError:
                    return

    def log_message(self, *_):
        pass


@pytest.fixture
def site(certificates, monkeypatch):
    """An https server on loopback; `told` has for each path kilobytes or a redirect."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates["server"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.told = {"/a.wav": 10, "/large.wav": 5000, "/moved": "/a.wav", "/plain": "http://localhost/a.wav"}
    server.told |= {"/round": "/round", "/secret": "/no.wav?sig=hunter2", "/signed": "/a.wav?sig=hunter2"}
    server.url = f"https://localhost:{server.server_address[1]}"
    serve(server)
    monkeypatch.setenv("FETCH_CA_BUNDLE", str(certificates["authority"]))
    monkeypatch.setenv("FETCH_PRIVATE", "true")
    monkeypatch.setenv("REQUEST_TIMEOUT", "5")
    yield server
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_also_through_a_redirect(site, tmp_path):
    for path in ("/a.wav", "/moved", "/a.wav?signature=abc"):
        fetch(site.url + path, tmp_path / "got")
        assert (tmp_path / "got").stat().st_size == 10_000


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/no.wav", "does not exist"), ("/plain", "only https"), ("/round", "redirects more than")],
)
def test_what_cannot_be_fetched_is_said_in_words(site, tmp_path, path, reason):
    with pytest.raises(FetchError, match=reason):
        fetch(site.url + path, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_what_is_too_large_is_given_up(site, tmp_path):
    with pytest.raises(FetchError, match="larger than 1 MB"):
        fetch(site.url + "/large.wav", tmp_path / "got", most=1_000_000)
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_of_nobody_is_refused(site, tmp_path, monkeypatch):
    monkeypatch.delenv("FETCH_CA_BUNDLE")
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch(site.url + "/a.wav", tmp_path / "got")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://localhost/", "https://localhost./", "https://169.254.169.254/latest/meta-data",
     "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/",
     "https://0.0.0.0/", "https://168.63.129.16/", "https://127.0.0.1./"],
)  # fmt: skip
def test_private_addresses_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match="its host is not public"):
        fetch(url, tmp_path / "got")


@pytest.mark.parametrize("url", ["http://example.com/a.wav", "file:///etc/passwd", "ftp://example.com/a", "", "//x/a"])
def test_other_schemes_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match="only https"):
        fetch(url, tmp_path / "got")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1\\@1.1.1.1/", "backslashes"),
        ("https://1.1.1.1\\.example.com/", "backslashes"),
        ("https://1.1.1.1/\x00a", "control characters"),
        ("https://1.1.1.1/\r\nHost: evil", "control characters"),
        ("https://exam\tple.com/", "control characters"),
        (" https://example.com/", "only https"),
        ("https://example.com/\ud800", "control characters"),
        ("https://\ud800/", "control characters"),
        ("https://:p@1.1.1.1/a", "user name or a password"),
        ("https://@1.1.1.1/a", "user name or a password"),
        ("https://1.1.1.1@127.0.0.1/a", "user name or a password"),
        ("https://", "host '' is not accepted"),
        ("https://?a", "host '' is not accepted"),
        ("https://[::1/", "is not accepted"),
        ("https://[::1%25lo]/", "is not accepted"),
        ("https://::1/", "is not accepted"),
        ("https://2130706433/", "is not accepted"),
        ("https://0x7f.1/", "is not accepted"),
        ("https://0x7f000001/", "is not accepted"),
        ("https://0177.0.0.1/", "is not accepted"),
        ("https://127.1/", "is not accepted"),
        ("https://1.1.1.1.1/", "is not accepted"),
        ("https://%31%32%37.0.0.1/", "is not accepted"),
        ("https://\uff11\uff12\uff17.0.0.1/", "is not accepted"),
        ("https://a..b/", "is not accepted"),
        ("https://example.com../", "is not accepted"),
        ("https://exam ple.com/", "is not accepted"),
        ("https://-a.com/", "is not accepted"),
        ("https://" + "a" * 64 + ".com/", "is not accepted"),
        ("https://1.1.1.1:99999/a.wav", "port from 1 to 65535"),
        ("https://1.1.1.1:0/", "port from 1 to 65535"),
        ("https://1.1.1.1:port/", "port from 1 to 65535"),
        ("https://1.1.1.1:-1/", "port from 1 to 65535"),
    ],
)
def test_what_two_programs_could_read_as_two_urls_is_refused(tmp_path, url, reason):
    with pytest.raises(FetchError, match=reason):
        fetch(url, tmp_path / "got", network=Network(resolve=pytest.fail))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("HTTPS://Example.COM/A.wav", ("example.com", 443, "/A.wav")),
        ("https://example.com.:8443?x=/@y#z", ("example.com", 8443, "/?x=/@y")),
        ("https://[2606:4700::1111]:9/", ("2606:4700::1111", 9, "/")),
        ("https://b\u00fccher.example/\u017c.wav", ("xn--bcher-kva.example", 443, "/\u017c.wav")),
        ("https://a_b.s3.amazonaws.com/my voice.wav", ("a_b.s3.amazonaws.com", 443, "/my voice.wav")),
        ("https://1.1.1.1:/", ("1.1.1.1", 443, "/")),
    ],
)
def test_what_every_program_reads_alike_is_accepted(url, place):
    found = locate(url)
    assert (found.host, found.port, found.target) == place


@given(st.text(max_size=40) | st.text(alphabet="htps:/\\@[]%#?.0123456789abx \t", max_size=40))
def test_no_text_makes_the_reader_of_urls_stumble(text):
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        with suppress(FetchError):
            locate(url)


def test_an_error_shows_neither_password_nor_signature(site, tmp_path):
    for url in (
        f"https://user:hunter2@{site.url.removeprefix('https://')}/a.wav?sig=hunter2",
        f"{site.url}/no.wav?sig=hunter2#hunter2",
        f"{site.url}/secret?sig=hunter2",
    ):
        with pytest.raises(FetchError) as caught:
            fetch(url, tmp_path / "got")
        assert "hunter2" not in str(caught.value)


def test_a_signed_url_is_logged_by_no_library(site, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    fetch(site.url + "/signed?sig=hunter2", tmp_path / "got")
    assert (tmp_path / "got").exists()
    assert "hunter2" not in caplog.text


@pytest.fixture
def meet(certificates, monkeypatch):
    """Makes servers that say what they like; whatever is on 127.0.0.1 passes for public, and nothing else does."""
    peers = []
    monkeypatch.setenv("FETCH_CA_BUNDLE", str(certificates["authority"]))
    monkeypatch.setenv("REQUEST_TIMEOUT", "20")

    def make(talk, *place, **more):
        peers.append(Peer(certificates["server"], talk, *place, **more))
        return peers[-1]

    yield make
    [peer.stop() for peer in peers]


class Names:
    """A name server that answers `localhost` with one list of addresses after the other, then with the last."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def __call__(self, host):
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def network(self):
        return Network(resolve=self, admits=lambda address: str(address) == "127.0.0.1")


def whole(*headers, body=b"x" * 1000, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return lambda connection, asked: connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def endless(start, again, pause=0.0):
    def talk(connection, asked):
        connection.sendall(start)
        while True:
            connection.sendall(again)
            time.sleep(pause)

    return talk


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_connected_to(meet, tmp_path):
    public = meet(whole())
    private = meet(whole(), "127.0.0.2", public.port)
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    fetch(f"https://localhost:{public.port}/a.wav?b=1", tmp_path / "got", network=names.network)
    assert names.asked == 1
    assert private.met == []
    assert public.met[0].startswith(b"GET /a.wav?b=1 HTTP/1.1\r\n")
    assert f"host: localhost:{public.port}\r\n".encode() in public.met[0].lower()
    assert b"accept-encoding: identity\r\n" in public.met[0].lower()


@pytest.mark.parametrize("answer", [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["::ffff:127.0.0.2"], ["::1%lo"]])
def test_a_host_with_any_private_address_is_never_connected_to(meet, tmp_path, answer):
    public = meet(whole())
    private = meet(whole(), "127.0.0.2", public.port)
    with pytest.raises(FetchError, match="its host is not public"):
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(answer).network)
    assert public.met == private.met == []


def test_a_name_that_turns_private_between_two_redirects_is_refused(meet, tmp_path):
    public = meet(whole("Location: /again", status="302 Found"))
    private = meet(whole(), "127.0.0.2", public.port)
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    with pytest.raises(FetchError, match="its host is not public"):
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=names.network)
    assert names.asked == 2
    assert len(public.met) == 1
    assert private.met == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://127.0.0.2:{port}/", "its host is not public"),
        ("//127.0.0.2:{port}/", "its host is not public"),
        ("http://localhost:{port}/", "only https"),
        ("file:///etc/passwd", "only https"),
        ("gopher://localhost/", "only https"),
        ("https://user:hunter2@localhost:{port}/", "user name or a password"),
        ("https://[::1/", "an invalid URL|is not accepted"),
        ("https://127.0.0.2\\@localhost:{port}/", "backslashes"),
        ("https://0x7f000002:{port}/", "is not accepted"),
        ("", "redirects more than 3 times"),
    ],
)
def test_where_a_redirect_leads_is_checked_like_the_first_url(meet, tmp_path, location, reason):
    public = meet(lambda *told: whole(f"Location: {location.format(port=public.port)}", status="307 Moved")(*told))
    private = meet(whole(), "127.0.0.2", public.port)
    with pytest.raises(FetchError, match=reason) as caught:
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(["127.0.0.1"]).network)
    assert private.met == []
    assert "hunter2" not in str(caught.value)


def test_a_proxy_of_the_environment_is_not_a_way_around_the_check(meet, tmp_path, monkeypatch):
    public = meet(whole())
    proxy = meet(whole(), handshake=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(["127.0.0.1"]).network)
    assert len(public.met) == 1
    assert proxy.met == []


def test_the_next_address_is_tried_where_one_does_not_answer(meet, tmp_path):
    public = meet(whole())
    network = Network(resolve=Names(["127.0.0.3", "127.0.0.1"]), admits=lambda address: True)
    fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=network)
    assert (tmp_path / "got").stat().st_size == 1000


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, gzip", "x-nonsense"])
def test_an_encoded_reply_is_refused(meet, tmp_path, encoding):
    public = meet(whole(f"Content-Encoding: {encoding}", body=gzip.compress(bytes(10_000_000))))
    with pytest.raises(FetchError, match=f"encoded .{encoding}"):
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(["127.0.0.1"]).network)
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_is_told_is_believed_before_anything_is_sent(meet, tmp_path):
    public = meet(endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"", pause=1))
    with pytest.raises(FetchError, match="larger than 50 MB"):
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(["127.0.0.1"]).network)


ENDLESS = {
    "a handshake that never comes": lambda connection, asked: time.sleep(60),
    "no answer": endless(b"", b"", pause=0.05),
    "headers byte by byte": endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", pause=0.05),
    "preliminary answers without end": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "a body that drips": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.05),
    "a body that stops": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"", pause=0.05),
    "empty chunks of extensions": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 99 + b"\r\nx\r\n", pause=0.05
    ),
}


@pytest.mark.service
@pytest.mark.parametrize("talk", ENDLESS.values(), ids=ENDLESS.keys())
def test_one_deadline_ends_whatever_does_not_end(meet, tmp_path, monkeypatch, talk):
    monkeypatch.setenv("REQUEST_TIMEOUT", "0.5")
    public = meet(talk, handshake="handshake" not in next(name for name in ENDLESS if ENDLESS[name] is talk))
    with pytest.raises(FetchError, match=r"longer than 0\.5 s"):
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(["127.0.0.1"]).network)
    assert list(tmp_path.iterdir()) == []


def test_at_the_deadline_the_connection_is_closed(meet, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUEST_TIMEOUT", "0.5")
    public = meet(ENDLESS["headers byte by byte"])
    with pytest.raises(FetchError, match=r"longer than 0\.5 s"):
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(["127.0.0.1"]).network)
    assert public.gone.wait(PATIENCE)


@pytest.mark.service
def test_redirects_do_not_make_the_deadline_longer(meet, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUEST_TIMEOUT", "1")

    def talk(connection, asked):
        time.sleep(0.6)
        whole("Location: /again", status="302 Found")(connection, asked)

    public = meet(talk)
    with pytest.raises(FetchError, match="longer than 1 s"):
        fetch(f"https://localhost:{public.port}/", tmp_path / "got", network=Names(["127.0.0.1"]).network)


def test_a_name_server_that_is_silent_ends_with_the_deadline(tmp_path, monkeypatch):
    monkeypatch.setenv("REQUEST_TIMEOUT", "0.3")
    silent = threading.Event()
    with pytest.raises(FetchError, match=r"longer than 0\.3 s"):
        fetch("https://voices.example/a.wav", tmp_path / "got", network=Network(resolve=lambda host: [silent.wait(60)]))
    silent.set()


def test_a_host_that_nobody_knows_is_named(tmp_path):
    def resolve(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(FetchError, match=r"no host 'nowhere\.invalid'"):
        fetch("https://nowhere.invalid/a.wav", tmp_path / "got", network=Network(resolve=resolve))


async def test_whoever_has_a_loop_may_fetch_too(site, tmp_path):
    fetch(site.url + "/a.wav", tmp_path / "got")
    assert (tmp_path / "got").stat().st_size == 10_000


def test_a_full_disk_is_said_in_words(site, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "100k"):
        with pytest.raises(FetchError, match="cannot be saved: No space left"):
            fetch(site.url + "/large.wav", disk / "got")
        assert list(disk.iterdir()) == []


def test_certificates_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FETCH_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(SettingsError, match="FETCH_CA_BUNDLE"):
        fetch("https://1.1.1.1/", tmp_path / "got")
