"""Books and Word documents as another program writes them say the same as the Markdown that they were made of."""

import shutil
import subprocess

import pytest

from speech.script import read
from speech.script.readers import load
from tests.conftest import needed

SOURCE = """---
title: The Salt Sea
lang: en
---

# Of the Sea

Every summer **we** went to [the sea](https://example.org).[^1] It was *far*.

Then came `autumn`.

- first
- second

> It was said to be bottomless.

# Of the Shore

| The moon is out,
| the night is long

* * *

It rained.

| a | b |
|---|---|
| 1 | 2 |

[^1]: For a week.
"""


@pytest.fixture
def made(tmp_path):
    if shutil.which("pandoc") is None:
        needed("pandoc is needed: apt-get install --no-install-recommends pandoc")

    def make(kind, *options):
        path = tmp_path / f"sea.{kind}"
        command = ["pandoc", "-f", "markdown+line_blocks", "-o", path, *options]
        subprocess.run(command, input=SOURCE.encode(), check=True)
        return path.read_bytes()

    return make


def expected():
    text = SOURCE.replace("| The moon is out,\n| the night is long", "The moon is out,\\\nthe night is long")
    return [(each.kind, each.text) for each in read(text, "markdown").passages]


@pytest.mark.service
@pytest.mark.parametrize("options", [("epub3",), ("epub2",), ("html", "-s"), ("docx",)], ids=lambda each: each[0])
def test_what_pandoc_writes_is_read_alike(made, options):
    script = load(made("bin", "-t", *options))
    # Only EPUB has a title page of its own, and Word has no rules between scenes.
    title = [] if options in (("epub3",), ("epub2",)) else [("heading", "The Salt Sea")]
    text = [each for each in expected() if each[0] != "scene" or options != ("docx",)]
    spoken = [(each.kind, each.text) for each in script.passages]
    assert [each for each in spoken if each[0] != "scene" or options != ("docx",)] == title + text
    assert script.title == "The Salt Sea"
    assert script.language in ("en", None)
    left_out = [each.what for each in script.left_out]
    assert {"table: a b 1 2", "note: For a week.", "1 link address", "1 note mark"} <= set(left_out)
