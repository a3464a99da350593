"""A model hub on loopback: what huggingface_hub asks to download public files, and no more."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "84e5a410d9cead4de2f847e7c9369a6440bdfaca"


class Hub:
    """Serves repositories.

    Attributes:
        repositories: for each its files.
        seen: the path of every request.
    """

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        self.repositories = repositories
        self.seen: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                hub.seen.append(path)
                if path.startswith("/api/models/"):
                    return self._describe(path.removeprefix("/api/models/"))
                repository, _, file = path.strip("/").partition("/resolve/")
                content = hub.repositories.get(repository, {}).get(file.partition("/")[2])
                if content is None:
                    return self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": REVISION})
                tag = hashlib.sha256(content).hexdigest()
                large = file.endswith((".safetensors", ".bin", ".pt"))
                headers = {"X-Repo-Commit": REVISION, "ETag": f'"{tag if large else tag[:40]}"'}
                if large:
                    headers |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(len(content))}
                self._answer(200, content, headers)

            def _describe(self, name: str) -> None:
                repository = "/".join(name.split("/")[:2])
                files = hub.repositories.get(repository)
                if files is None:
                    return self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
                if "/tree/" in name:
                    entries = [
                        {"type": "file", "oid": hashlib.sha1(data).hexdigest(), "size": len(data), "path": path}
                        for path, data in files.items()
                    ]
                    return self._answer(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})
                told = {
                    "_id": "1", "id": repository, "modelId": repository, "sha": REVISION, "private": False, "tags": [],
                    "downloads": 0, "likes": 0, "siblings": [{"rfilename": path} for path in files],
                }  # fmt: skip
                self._answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for key, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
