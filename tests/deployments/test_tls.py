"""The TLS contexts of Prefect's clients."""

import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import certifi
import httpx
import pytest
from prefect.client import orchestration
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_URL, temporary_settings

from deployments import retries
from speech.settings import settings

retries.install()


class Healthy(BaseHTTPRequestHandler):
    """Answers every request as a server that is well."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *words):
        pass


@pytest.fixture
def url(certificates):
    """A server whose certificate our own authority has signed."""
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates["server"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}/api"
    server.shutdown()
    server.server_close()


def asks(url, authority):
    """Ask for the server's health, with an authority that is trusted."""
    settings = {PREFECT_API_URL: url, PREFECT_API_SSL_CERT_FILE: str(authority)}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        return client.api_healthcheck()


def test_clients_share_a_context_for_each_file_of_authorities(certificates):
    make = orchestration.ssl.create_default_context
    assert make(cafile=certifi.where()) is make(cafile=certifi.where())
    assert make(cafile=str(certificates["authority"])) is not make(cafile=certifi.where())
    assert make(cafile=certifi.where()).verify_mode == ssl.CERT_REQUIRED


def test_nobody_else_gets_them():
    assert ssl.create_default_context() is not ssl.create_default_context()


def test_a_server_is_believed_by_its_authority(url, certificates):
    assert asks(url, certificates["authority"]) is None


@pytest.mark.service
def test_a_server_that_another_authority_has_signed_is_refused_at_once(url):
    began = time.monotonic()
    fault = asks(url, certifi.where())
    assert isinstance(fault, httpx.ConnectError)
    assert "CERTIFICATE_VERIFY_FAILED" in str(fault)
    assert time.monotonic() - began < settings().prefect_patience / 2
    assert "PREFECT_API_SSL_CERT_FILE" in str(retries.explained(fault))
    assert "localhost" not in str(retries.explained(fault))
