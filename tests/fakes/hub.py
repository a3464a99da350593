"""A model hub on loopback: what huggingface_hub asks to download public files, and no more."""

from __future__ import annotations

import hashlib
import json

from tests.fakes.web import Answer, Web

REVISION = "84e5a410d9cead4de2f847e7c9369a6440bdfaca"


class Hub(Web):
    """Serves repositories.

    Attributes:
        repositories: for each its files.
        seen: the path of every request.
    """

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        self.repositories = repositories
        self.seen: list[str] = []
        super().__init__(self._answer)

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        self.seen.append(path)
        if path.startswith("/api/models/"):
            return self._description(path.removeprefix("/api/models/"))
        repository, _, file = path.strip("/").partition("/resolve/")
        content = self.repositories.get(repository, {}).get(file.partition("/")[2])
        if content is None:
            return 404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": REVISION}
        tag = hashlib.sha256(content).hexdigest()
        large = file.endswith((".safetensors", ".bin", ".pt"))
        told = {"X-Repo-Commit": REVISION, "ETag": f'"{tag if large else tag[:40]}"'}
        if large:
            told |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(len(content))}
        return 200, content, told

    def _description(self, name: str) -> Answer:
        repository = "/".join(name.split("/")[:2])
        files = self.repositories.get(repository)
        if files is None:
            return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
        told: object
        if "/tree/" in name:
            told = [
                {"type": "file", "oid": hashlib.sha1(data).hexdigest(), "size": len(data), "path": path}
                for path, data in files.items()
            ]
        else:
            told = {
                "_id": "1", "id": repository, "modelId": repository, "sha": REVISION, "private": False, "tags": [],
                "downloads": 0, "likes": 0, "siblings": [{"rfilename": path} for path in files],
            }  # fmt: skip
        return 200, json.dumps(told).encode(), {"Content-Type": "application/json"}
