"""Web servers on loopback: one that answers, of which fakes are made, and one that does what no server should."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer

Answer = tuple[int, bytes, dict[str, str]]
"""Status, body and headers."""

# Seconds after which a server at the latest sees that it is to stop; half a second is what is usual.
_SOON = 0.02


def serve(server: BaseServer) -> None:
    """Serve in a thread until `server.shutdown()`, which does not take long."""
    threading.Thread(target=server.serve_forever, args=(_SOON,), daemon=True).start()


class Web:
    """Answers every GET and HEAD by a function of the method, the path and the headers, until `stop`."""

    def __init__(self, answer: Callable[[str, str, dict[str, str]], Answer]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                status, body, headers = answer(self.command, self.path.split("?")[0], dict(self.headers))
                self.send_response(status)
                for key, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        serve(self._server)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Peer:
    """Takes connections over TLS on a loopback address, and lets `talk` say what it likes on each, until `stop`.

    Attributes:
        met: what was asked on each connection, up to the blank line.
        gone: set once a peer that was still being talked to has hung up.
    """

    def __init__(
        self,
        certificate: Path,
        talk: Callable[[socket.socket, bytes], None],
        address: str = "127.0.0.1",
        port: int = 0,
        *,
        handshake: bool = True,
    ) -> None:
        self.met: list[bytes] = []
        self.gone = threading.Event()
        self._talk = talk
        self._context: ssl.SSLContext | None = None
        if handshake:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listener = socket.create_server((address, port))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._meet, args=(connection,), daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            asked = b""
            while b"\r\n\r\n" not in asked:
                data = connection.recv(65536)
                if not data:
                    return
                asked += data
                if not self._context:
                    break
            self.met.append(asked)
            self._talk(connection, asked)
        except OSError:
            self.gone.set()
        finally:
            connection.close()
