"""How a text is written is told by what it holds."""

import time

import pytest

from speech.script.readers.detect import detect
from tests.scripts import ALICE, BOOKS, QUIJOTE


@pytest.mark.parametrize(
    "text",
    [
        ALICE, QUIJOTE, *BOOKS.values(), "The *only* one, our #1.", "# 1 in the charts", "#1\n\n#2", "5 * 3 * 2",
        "- Bonjour.\n- Ah, c'est vous.", "* * *", "One.\n\n***\n\nTwo.", "Terms apply*\n\n* in May", "f(x) [sic] (1)",
        "She said **** off.", "1. One\n2. Two", "> He wrote that.", "[alice] Hello.\n\n[pause 2]", "a < b and c > d",
        "I <3 you", "<b>Hello</b> there", "snake_case and __init__", "Title\n-----", "---\nNo head.\n",
    ],
)  # fmt: skip
def test_prose_is_text(text):
    assert detect(text) == "text"


@pytest.mark.parametrize(
    "text",
    [
        "# Why the Sea Is Salty\n\nEvery summer", "Some **bold** words.", "See [the page](https://example.org).",
        "See [it](other.md) too", "```\nx\n```", "Title\n=====\n\nText",
        "| a | b |\n|---|---|\n", "A note.[^1]\n\n[^1]: Yes.",
        "---\ntitle: The Sea\n---\n\nText.", "* one\n* two\n\n`code` here", "![A cat](cat.png)",
    ],
)  # fmt: skip
def test_markdown_is_found(text):
    assert detect(text) == "markdown"


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html>\n<p>Hello", "<html><body>Hello", "<p>One.</p>\n<p>Two.</p>\n", "<!-- x --><div>Hello</div>",
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "x"><html/>',
    ],
)  # fmt: skip
def test_html_is_found(text):
    assert detect(text) == "html"


@pytest.mark.parametrize(
    "text", ["<speak>Hi</speak>", '\ufeff <?xml version="1.0"?>\n<!-- x -->\n<speak version="1.0">']
)
def test_ssml_is_found(text):
    assert detect(text) == "ssml"


@pytest.mark.parametrize(
    "sign", ["[", "*", "**a", "`", "```\n", "<!--", "<?xml", "# ", "---\n", "a: \n", "|-", "<p>", "[a]("]
)
def test_a_decision_takes_no_longer_for_a_hostile_text(sign):
    def seconds(text):
        began = time.thread_time()
        detect(text)
        return time.thread_time() - began

    size = 40_000 // len(sign)
    # Ten times the text takes ten times as long, not a hundred times.
    assert seconds(sign * size * 10) < 40 * max(seconds(sign * size), 0.005)
