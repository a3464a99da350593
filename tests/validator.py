"""The W3C's WebVTT validator, under node."""

from __future__ import annotations

import json
import shutil
import subprocess

from tests import NODE

__all__ = ["Validator", "missing"]

_SCRIPT = """
const { WebVTTParser } = require("webvtt-parser");
const entities = require("webvtt-parser/html-entities.json");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const found = new WebVTTParser(entities).parse(JSON.parse(line), "subtitles/captions/descriptions");
  console.log(JSON.stringify({ errors: found.errors.map((fault) => fault.message), cues: found.cues }));
});
"""


def missing() -> str | None:
    """What it lacks on this machine."""
    if shutil.which("node") is None:
        return "node is needed: apt-get install nodejs"
    if not (NODE / "node_modules/webvtt-parser").is_dir():
        return f"the W3C's validator is needed: npm install --prefix {NODE} webvtt-parser"
    return None


class Validator:
    """A process that answers until it is stopped."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "-e", _SCRIPT],
            cwd=NODE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def errors(self, text: str) -> list[str]:
        """What is wrong with a file."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        found: list[str] = json.loads(self._process.stdout.readline())["errors"]
        return found

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
