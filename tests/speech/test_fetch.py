"""URLs that clients name are hostile until checked."""

import http.server
import ssl
import threading

import pytest

from speech.errors import FetchError
from speech.fetch import fetch
from speech.settings import settings


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
    server.told["/round"] = "/round"
    server.url = f"https://localhost:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("FETCH_CA_BUNDLE", str(certificates["authority"]))
    monkeypatch.setenv("FETCH_PRIVATE", "true")
    monkeypatch.setenv("REQUEST_TIMEOUT", "5")
    settings.cache_clear()
    yield server
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_also_through_a_redirect(site, tmp_path):
    for path in ("/a.wav", "/moved", "/a.wav?signature=abc"):
        fetch(site.url + path, tmp_path / "got")
        assert (tmp_path / "got").stat().st_size == 10_000


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/no.wav", "not there"), ("/plain", "only https"), ("/round", "redirects more than")],
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
    settings.cache_clear()
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch(site.url + "/a.wav", tmp_path / "got")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://localhost/", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/",
     "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "https://2130706433/"],
)  # fmt: skip
def test_private_addresses_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match=r"not a public one|there is no host"):
        fetch(url, tmp_path / "got")


@pytest.mark.parametrize("url", ["http://example.com/a.wav", "file:///etc/passwd", "ftp://example.com/a", "https://"])
def test_other_schemes_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match="only https"):
        fetch(url, tmp_path / "got")


@pytest.mark.parametrize("url", ["https://1.1.1.1:99999/a.wav", "https://1.1.1.1:port/", "https://1.1.1.1/\x00a"])
def test_what_is_no_url_is_refused(tmp_path, url):
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch(url, tmp_path / "got")
