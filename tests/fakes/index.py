"""A package index on loopback, with wheels made on the spot, that can be told to stall."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import zipfile

from tests.fakes.web import Answer, Web


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


class Index(Web):
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
        super().__init__(self._answer)
        self.host, self.url = self.url, f"{self.url}/simple"

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        kind, _, name = path.strip("/").partition("/")
        body: bytes | None
        if kind == "simple":
            body, content_type = self.listing(name.strip("/")), "application/vnd.pypi.simple.v1+json"
        elif name.endswith(".metadata"):
            with zipfile.ZipFile(io.BytesIO(self.files[name.removesuffix(".metadata")])) as packed:
                [metadata] = [entry for entry in packed.namelist() if entry.endswith("/METADATA")]
                body, content_type = packed.read(metadata), "text/plain"
        else:
            body, content_type = self.files.get(name), "application/octet-stream"
            if body and method == "GET" and "Range" not in headers:
                self.fetched.append(name)
                if self.stall and self.stall in name:
                    self.stalled.set()
                    threading.Event().wait(60)
        return (404, b"", {}) if body is None else (200, body, {"Content-Type": content_type})

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
