"""A package index on loopback, with wheels made on the spot, that can be told to stall."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(name: str, version: str, files: dict[str, str | bytes], requires: tuple[str, ...] = ()) -> bytes:
    """A pure-Python wheel."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    contents |= {
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    contents[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in contents.items():
            archive.writestr(path, content)
    return packed.getvalue()


class Index:
    """PEP 691's JSON index.

    Attributes:
        fetched: names of the files that were downloaded.
        stalled: set when a download of `stall` has begun; it never ends.
        stall: part of a file's name.
        sizes: whether the index tells how large files are.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.stall: str | None = None
        self.stalled = threading.Event()
        self.sizes = True
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                kind, _, name = self.path.strip("/").partition("/")
                if kind == "simple":
                    self._answer(index.listing(name.strip("/")), "application/vnd.pypi.simple.v1+json")
                elif name.endswith(".metadata"):
                    with zipfile.ZipFile(io.BytesIO(index.files[name.removesuffix(".metadata")])) as packed:
                        [metadata] = [entry for entry in packed.namelist() if entry.endswith("/METADATA")]
                        self._answer(packed.read(metadata), "text/plain")
                elif name in index.files:
                    if self.command == "GET" and "Range" not in self.headers:
                        index.fetched.append(name)
                        if index.stall and index.stall in name:
                            index.stalled.set()
                            threading.Event().wait(60)
                    self._answer(index.files[name], "application/octet-stream")
                else:
                    self.send_error(404)

            def _answer(self, body: bytes | None, kind: str) -> None:
                if body is None:
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.host}/simple"

    def add(self, name: str, version: str, source: str | bytes = "", requires: tuple[str, ...] = ()) -> None:
        module = name.replace("-", "_")
        self.files[f"{module}-{version}-py3-none-any.whl"] = wheel(
            name, version, {f"{module}/__init__.py": source}, requires
        )

    def listing(self, name: str) -> bytes | None:
        files = [
            {
                "filename": file,
                "url": f"{self.host}/files/{file}",
                "core-metadata": True,
                "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
                **({"size": len(content)} if self.sizes else {}),
            }
            for file, content in self.files.items()
            if file.startswith(name.replace("-", "_") + "-")
        ]
        if not files:
            return None
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}).encode()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
