"""Files as chance makes them: they are read, or refused with a sentence, and nothing else happens."""

import io
import random
import zipfile

import pytest

from speech.errors import InvalidRequest
from speech.script.directions import direct
from speech.script.readers import open_document, read
from tests.fakes.documents import docx, epub, zipped
from tests.fakes.pdf import pdf
from tests.scripts import ALICE

MARKDOWN = (
    f"---\ntitle: The Sea\n---\n# One\n\n{ALICE[:200]}\n\n"
    "- a *b*\n  - c\n\n> d[^1]\n\n| e | f |\n|---|---|\n| 1 | 2 |\n\n"
    '<p lang="fr">Un <b>deux</b></p>\n\n```\ncode\n```\n\n[alice] x\\\ny [pause 2]\n\n[^1]: g'
)
HTML = (
    '<!doctype html><html lang="en"><head><title>A</title></head><body><h1>B<br>C</h1><p>D <i lang="fr">un deux trois'
    '</i><sup><a href="#n">1</a></sup></p><pre>E\nF</pre><table><tr><td>G<td>H</table><div class="poem">I<br>J</div>'
    '<ul><li><p>K</ul><img alt="L" src="data:x"><break time="2s"/><sub alias="M">N</sub><hr><footer>O</footer>'
)
SSML = (
    '<?xml version="1.0"?><speak xml:lang="en"><p><s>One</s> <voice name="alice">two</voice></p><break time="2s"/>'
    '<prosody rate="+10%" pitch="x">three <sub alias="a">b</sub></prosody><say-as interpret-as="date">2024-01-02'
    "</say-as><lang xml:lang='fr'>un deux trois</lang></speak>"
)
SRT = "1\n00:00:01,000 --> 00:00:02,000\n<i>One</i>\ntwo.\n\n2\n00:00:05,000 --> 00:00:06,000\n[Music]\n\n"
PARAGRAPH = (
    '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>One</w:t><w:footnoteReference w:id="1"/></w:r></w:p>'
)
NOTE = '<w:footnote w:id="1"><w:p><w:r><w:t>Two</w:t></w:r></w:p></w:footnote>'
PAGES = [[(50, 540, 18, "One"), (50, 500, 11, "Two hyphen-"), (50, 486, 11, "ated words."), (200, 30, 9, "1")]] * 3
SEEDS = {
    "text": ALICE.encode(),
    "utf-16": ALICE.encode("utf-16"),
    "latin-1": (ALICE + "é").encode("latin-1"),
    "markdown": MARKDOWN.encode(),
    "html": HTML.encode(),
    "ssml": SSML.encode(),
    "srt": SRT.encode() * 3,
    "vtt": f"WEBVTT\n\n{SRT.replace(',', '.')}".encode() * 2,
    "epub": epub({"one.xhtml": "<h1>One</h1><p>Two</p>"}, '<li><a href="one.xhtml#x">Three</a></li>'),
    "docx": docx(PARAGRAPH * 3, notes=NOTE, core="<dc:title>T</dc:title>"),
    "pdf": pdf(PAGES, [("One", 0)], "The Sea"),
}
PIECES = [b"\x00", b"\xff", b"<", b">", b"&#0;", b"&x;", b"\n\n", b"[pause 99]", b"<p>", b"</p>", b'"', b"\xef\xbf\xbe"]


def mutated(data, chance):
    """What chance makes of bytes: some are changed, lost, doubled, moved, or new."""
    made = bytearray(data)
    for _ in range(chance.choice([1, 2, 5, 20])):
        at = chance.randrange(len(made) + 1)
        to = min(len(made), at + chance.choice([1, 2, 8, 50]))
        match chance.randrange(6):
            case 0:
                made[at:to] = chance.randbytes(to - at)
            case 1:
                del made[at:to]
            case 2:
                made[at:at] = made[at:to] * chance.choice([1, 3, 60])
            case 3:
                made[at:at] = chance.choice(PIECES)
            case 4:
                made[at:to] = chance.choice(PIECES)
            case _ if chance.random() < 0.2:
                del made[at:]
    return bytes(made)


def changed(data, chance):
    """A file that chance changed; in an archive mostly within one of its parts, which nobody would see otherwise."""
    if not data.startswith(b"PK") or chance.random() < 0.2:
        return mutated(data, chance)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice([*parts])
    return zipped({**parts, name: mutated(parts[name], chance)})


# A PDF is read in a process of its own, which takes a hundred times as long to start as to read it. Of the first
# changes to a Word document hardly any can be read.
ROUNDS = {"pdf": 40, "docx": 1_500}


@pytest.mark.service
@pytest.mark.parametrize("kind", SEEDS)
def test_a_file_that_chance_changed_is_read_or_refused(kind, rounds):
    chance = random.Random(f"{kind} 7")
    outcomes, tries = {"read": 0, "refused": 0}, rounds(ROUNDS.get(kind, 300))
    for _ in range(tries):
        data = changed(SEEDS[kind], chance)
        try:
            document = open_document(data, "mine")
            # What was read may be read again, as a request does it.
            made = direct(document.script, ["alice"], tuple)
            assert read(document.text, document.kind, ["alice"]).passages == made.passages
            outcomes["read"] += 1
        except InvalidRequest as refusal:
            assert str(refusal).startswith(("mine cannot be read: ", "text: "))
            outcomes["refused"] += 1
    # In an archive most changes are one too many.
    assert outcomes["read"] > (tries // 30 if tries >= 40 else 0)


@pytest.mark.service
@pytest.mark.parametrize("kind", [None, "text", "markdown", "html", "ssml"])
def test_so_is_a_text_in_a_request(kind, rounds):
    chance = random.Random(f"{kind} 11")
    seeds = [MARKDOWN, HTML, SSML, ALICE]
    for _ in range(rounds(300)):
        text = mutated(chance.choice(seeds).encode(), chance).decode("utf-8", "replace")
        try:
            read(text, kind, ["alice"])
        except InvalidRequest as refusal:
            assert str(refusal).startswith("text: ")


@pytest.mark.service
@pytest.mark.parametrize(
    "text", ["<p>" * 30_000, "> " * 30_000, "- " * 30_000, "*a " * 30_000, "[" * 30_000, "<b>x" * 300]
)
@pytest.mark.parametrize("kind", ["markdown", "html", "ssml"])
def test_so_is_a_text_without_end(text, kind):
    try:
        read(f"Word. {text} more", kind)
    except InvalidRequest as refusal:
        assert str(refusal).startswith("text: ")
