"""The artifacts of a run, as people read them in Prefect's UI."""

import pytest
from pydantic import SecretStr

from speech.result import SpeechResult
from speech.stores.folder import FolderStore
from speech.stores.s3 import Bucket, S3Store
from speech.subtitles import make
from speech.words import Word
from tasks.report import summary, table

JOB = "6f9b0d5e-3f2c-4b7a-9d53-0f4a1f4a6b1c"
ODD = ["#", "a|b", "*c*", "<b>", "1.", "[x](y)", "`d`", "\\e", "---", "&amp;"]
BUCKET = Bucket("shelf", endpoint="http://127.0.0.1:9", access_key=SecretStr("a"), secret_key=SecretStr("b"))


def result(root, **fields):
    given = {
        "job_id": JOB, "text": "Hi", "seed": 7, "duration": 1.5, "sample_rate": 22050, "word_count": 2,
        "audio_url": f"{root}/output/{JOB}.wav", "preview_url": f"{root}/previews/{JOB}.html",
        "timing_files": {kind: f"{root}/timings/{JOB}.{kind}" for kind in ("srt", "json")},
        "timing_method": "google", "timing_confidence": 0.914,
    }  # fmt: skip
    return SpeechResult(**given | fields)


def subtitles(texts):
    words = [Word(text, number * 100, number * 100 + 80) for number, text in enumerate(texts)]
    text = " ".join(texts)
    return make(words, text=text, language="en", duration_ms=len(texts) * 100, method="google", job_id=JOB)


@pytest.fixture
def folder(tmp_path):
    return FolderStore(tmp_path)


def test_the_summary_begins_with_where_to_listen(folder):
    lines = summary(result(f"file://{folder._root}"), folder).splitlines()
    assert lines[0] == f"- Audio: `file://{folder._root}/output/{JOB}.wav`"
    assert lines[1] == f"- Page to read and listen: `file://{folder._root}/previews/{JOB}.html`"
    assert "| Words | 2, timed by google |" in lines
    assert f"- srt: `file://{folder._root}/timings/{JOB}.srt`" in lines


def test_of_a_bucket_the_summary_holds_keys_and_how_to_get_links_and_no_signed_url():
    text = summary(result("https://shelf.example?X-Amz-Signature=abc"), S3Store(BUCKET))
    assert text.startswith(f"- Audio: `output/{JOB}.wav`")
    assert f"`f5-flows result {JOB}`" in text
    assert "the bucket shelf at" in text
    assert "Signature" not in text and "https:" not in text


def test_a_script_is_quoted_as_it_is_in_one_line(folder):
    text = summary(result("file:///x", text="# Title\n\n- *one* | <b>two</b>", warnings=["a_b: *c*"]), folder)
    assert r"> \# Title \- \*one\* \| \<b\>two\<\/b\>" in text.splitlines()
    assert r"- a\_b\: \*c\*" in text.splitlines()


def test_words_are_shown_as_they_are():
    rows = table(result("file:///x"), subtitles(ODD)).splitlines()[2:]
    shown = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert shown[:5] == [r"\#", r"a\|b", r"\*c\*", r"\<b\>", r"1\."]
    assert len(shown) == len(ODD)
    assert rows[1].startswith(r"| a\|b | 0.100 | 0.180 | 1.00 |")


def test_a_long_table_says_how_many_words_there_are_and_where_all_of_them_are():
    text = table(result("https://shelf.example"), subtitles([f"w{number}" for number in range(680)]))
    assert text.startswith(f"The first 500 of 680 words; all of them are in `timings/{JOB}.json`\n\n| word |")
    assert "| w499 |" in text and "| w500 |" not in text
