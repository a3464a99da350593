"""Books on the command line, as a person would make them."""

import json
import os
import subprocess
import time
import zipfile

import pytest

from tests import PATIENCE
from tests.deployments.cli.conftest import PROGRAM
from tests.fakes.documents import epub

CONTENTS = '<li><a href="p.xhtml#one">Night</a></li><li><a href="p.xhtml#two">Day</a></li>'
PAGE = (
    '<h2 id="one">Night</h2><p>It was dark, and nothing at all moved in the whole house.</p>'
    "<p>Somebody knocked at the door three times, and then went away again.</p>"
    '<h2 id="two">Day</h2><p>The lamp was put out at last, and all was well in the end.</p>'
)
HEAD = "<dc:title>The Sea</dc:title><dc:creator>A. Writer</dc:creator><dc:language>en</dc:language>"


def takes(folder):
    return {path.stem: path.stat().st_mtime_ns for path in (folder / "store" / "takes").rglob("*.json")}


@pytest.fixture
def book(tmp_path):
    (tmp_path / "work").mkdir(exist_ok=True)
    path = tmp_path / "work" / "sea.epub"
    path.write_bytes(epub({"p.xhtml": PAGE}, CONTENTS, head=HEAD))
    return path


def test_a_plan_tells_chapters_and_chunks_and_starts_nothing(call, book, tmp_path):
    done = call("narrate", book, "--plan", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["name"], plan["title"], plan["authors"]) == ("the-sea", "The Sea", ["A. Writer"])
    assert [(each["number"], each["title"], each["to_speak"]) for each in plan["chapters"]] == [
        (1, "Night", 3), (2, "Day", 2),
    ]  # fmt: skip
    assert not list((tmp_path / "store").rglob("*.*"))
    part = json.loads(call("narrate", book, "--plan", "--json", "--chapters", "2").stdout)
    assert [(each["number"], each["title"]) for each in part["chapters"]] == [(2, "Day")]


@pytest.mark.service
def test_volumes_of_one_work_and_their_samples_have_names_of_their_own(call, tmp_path):
    names = set()
    for number in (1, 2):
        title = f"The Complete Works of William Shakespeare, Volume {number}"
        (tmp_path / "work" / f"v{number}.md").write_text(f"# {title}\n\nHello there, all.\n")
        for words in ([], ["--sample"]):
            done = call("narrate", f"v{number}.md", "--plan", "--json", "--engine", "espeak", *words)
            names.add(json.loads(done.stdout)["name"])
    assert len(names) == 4


def test_what_is_heard_twice_counts_twice_in_the_whole_as_in_its_chapters(call, tmp_path):
    (tmp_path / "work" / "sea.md").write_text("# One\n\nHello there, all.\n\n# Two\n\nHello there, all.\n")
    plan = json.loads(call("narrate", "sea.md", "--plan", "--json").stdout)
    chunks = [each["chunks"] for each in plan["chapters"]]
    assert (plan["chunks"], plan["to_speak"]) == (sum(chunks), sum(each["to_speak"] for each in plan["chapters"]))
    assert plan["chunks"] == 4


@pytest.mark.service
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--chapters", "2-x"], "--chapters: '2-x' is not accepted; expected numbers such as 1-3,7"),
        (["--chapters", "3"], "expected numbers from 1 to 2"),
        (["--name", "../sea"], "'../sea' is not accepted"),
        (["--voice", "https://example.org/voice.wav"], "a book needs a stored voice"),
        (["--speed", "9"], "--speed: 9 is not accepted"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(call, book, words, says):
    done = call("narrate", book, "--plan", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_the_name_of_a_file_need_not_be_text(call, book):
    done = call("narrate", book.rename(book.with_name(os.fsdecode(b"caf\xe9.epub"))), "--plan", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "the-sea"


def test_all_that_cannot_be_done_is_told_at_once(call, book):
    done = call(
        "narrate", book, "--plan", "--chapters", "x", "--name", "A b", "--speed", "9", "--voice", "nobody",
        "--lexicon", "none", "--cast", "nowhere.toml",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    named = [line.split(":")[1].strip() for line in done.stderr.splitlines()]
    assert sorted(named) == ["--cast", "--chapters", "--lexicon", "--name", "--speed", "--voice"]


@pytest.mark.usefixtures("prefect_server")
def test_a_book_becomes_files_and_an_edit_speaks_only_what_it_changed(call, book, tmp_path):
    done = call("narrate", book, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    folder = tmp_path / "work" / "the-sea"
    assert {"the-sea.m4b", "the-sea.srt", "001.mp3", "002.mp3", "002.vtt"} <= {
        path.rpartition("/")[2] for path in made["files"]
    }
    assert (folder / "the-sea.m4b").stat().st_size > 10_000
    with zipfile.ZipFile(folder / "the-sea.epub") as read_along:
        assert any(name.endswith(".smil") for name in read_along.namelist())
    assert "The lamp was put out" in (folder / "chapters" / "002.srt").read_text()
    assert "finished" in call("book", "list").stdout
    assert "2 of     2 chunks  Day" in call("book", "status", "the-sea").stdout
    before = takes(tmp_path)
    assert len(before) == 5
    script = call("book", "script", "the-sea").stdout
    (tmp_path / "work" / "script.md").write_text(script.replace("three times", "four times"))
    again = call("narrate", "script.md", "--name", "the-sea", "--json")
    assert again.returncode == 0, again.stderr
    after = takes(tmp_path)
    assert (len(after), {key: after[key] for key in before}) == (6, before)
    assert [chapter["title"] for chapter in json.loads(again.stdout)["chapters"]] == ["Night", "Day"]
    assert "four times" in (folder / "chapters" / "001.srt").read_text()


@pytest.mark.usefixtures("prefect_server")
def test_a_book_that_was_killed_goes_on_where_it_was(call, tmp_path):
    text = "\n\n".join(f"This is paragraph number {number} of this rather long book." for number in range(30))
    (tmp_path / "work" / "long.md").write_text(text)
    command = ["narrate", "long.md", "--master", "none", "--out", "out/"]
    process = subprocess.Popen(
        [PROGRAM, *command],
        cwd=tmp_path / "work",
        env=os.environ | {"STORAGE_DIR": str(tmp_path / "store")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE
    while len(takes(tmp_path)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = takes(tmp_path)
    assert before
    done = call(*command)
    assert done.returncode == 0, done.stderr
    after = takes(tmp_path)
    assert (len(after), {key: after[key] for key in before}) == (30, before)
    assert (tmp_path / "work" / "out" / "long.m4b").is_file()
