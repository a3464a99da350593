"""What a listener decides about a book, on the command line."""

import json
import re

import pytest

TEXT = (
    "# Night\n\nIt was dark, and nothing at all moved in the whole house.\n\n"
    "Somebody knocked at the door three times, and then went away.\n\n"
    "# Day\n\nThe lamp was put out at last, and all was well in the end.\n"
)


@pytest.fixture
def book(call, tmp_path):
    (tmp_path / "work" / "sea.md").write_text(TEXT)


def takes(folder):
    return {path.stem: path.stat().st_mtime_ns for path in (folder / "store" / "takes").rglob("*.json")}


def chunks(folder):
    """The ids of the chunks by their text, as the book's page has them."""
    page = (folder / "work" / "sea" / "sea.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    pieces = (piece for chapter in data["chapters"] for passage in chapter["passages"] for piece in passage[4])
    return {text.strip(): data["chunks"][chunk][0] for text, _, _, chunk in pieces}


@pytest.mark.usefixtures("prefect_server", "book")
def test_a_chunk_is_said_again_and_chosen_and_nothing_else_is_spoken(call, tmp_path):
    assert call("narrate", "sea.md", "--name", "sea").returncode == 0
    before = takes(tmp_path)
    chunk = chunks(tmp_path)["Somebody knocked at the door three times, and then went away."]
    refused = call("book", "say-again", "sea", chunk)
    assert (refused.returncode, "give other words with --text" in refused.stderr) == (2, True)
    said = call("book", "say-again", "sea", chunk, "--text", "Somebody knocked four times, and went.")
    assert said.returncode == 0, said.stderr
    assert f"Take 2 of {chunk} is made and chosen" in said.stdout
    spoken = takes(tmp_path)
    assert (len(spoken), {key: spoken[key] for key in before}) == (len(before) + 1, before)
    assert "takes were chosen since" not in call("book", "status", "sea").stdout

    folder = tmp_path / "work" / "sea"
    bound = call("book", "bind", "sea", "--json")
    assert bound.returncode == 0, bound.stderr
    files = {path.rpartition(f"{folder}/")[2] for path in json.loads(bound.stdout)["files"]}
    assert {"sea.m4b", "sea.html", f"takes/{chunk}-1.flac", f"takes/{chunk}-2.flac"} <= files
    assert "three times" in (tmp_path / "work" / "sea" / "sea.srt").read_text()

    (tmp_path / "work" / "sea.md").write_text(TEXT.replace("all was well", "all was quiet"))
    assert call("narrate", "sea.md", "--name", "sea").returncode == 0
    assert chunks(tmp_path)["Somebody knocked at the door three times, and then went away."] == chunk
    edited = takes(tmp_path)
    assert len(edited) == len(spoken) + 1

    chosen = call("book", "choose", "sea", chunk, "1")
    assert (chosen.returncode, "book bind sea" in chosen.stdout) == (0, True)
    assert "takes were chosen since" in call("book", "status", "sea").stdout
    assert call("book", "bind", "sea").returncode == 0
    assert takes(tmp_path) == edited
    assert "takes were chosen since" not in call("book", "list").stdout


@pytest.mark.service
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["say-again", "sea", "../../x"], "CHUNK: '../../x' is not accepted"),
        (["say-again", "../sea", "k-0123456789ab-1"], "'../sea' is not accepted"),
        (["say-again", "sea", "k-0123456789ab-1"], "there is no book 'sea'"),
        (["choose", "sea", "k-0123456789ab-1", "x"], "'x' is not a valid integer"),
        (["bind", "nothing"], "there is no book 'nothing'"),
        (["say-again", "sea", "k-0123456789ab-1", "--seed", "0"], "--seed"),
    ],
)
def test_what_is_not_there_is_refused(call, words, says):
    done = call("book", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
