"""f5-flows lexicon: what a person types and sees."""

import pytest
from click.testing import CliRunner

from deployments.cli.lexicon import lexicon
from deployments.cli.speak import speak
from speech.errors import InvalidRequest
from speech.lexicons import MOST_INLINE

TABLE = "word,say,language,voice,case\nAoife,Eefa,,,no\nGIF,giff,de,,no\n"


@pytest.fixture
def call(monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.csv").write_text(TABLE)

    def run(*words, command=lexicon):
        done = CliRunner().invoke(command, words)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_a_lexicon_is_kept_and_shown_and_removed(call):
    assert call("list").stdout == "There is no lexicon yet. To add one: f5-flows lexicon add NAME FILE\n"
    assert call("add", "names", "names.csv").stdout.startswith("Lexicon 'names' stored: 2 rows.")
    assert call("list").stdout.split()[0] == "names"
    assert call("show", "names").stdout == TABLE
    assert call("remove", "names").stdout == "Lexicon 'names' removed\n"
    with pytest.raises(InvalidRequest, match="there is no lexicon 'names'"):
        call("show", "names")


def test_a_lexicon_is_replaced_only_when_that_is_meant(call):
    call("add", "names", "names.csv")
    with pytest.raises(InvalidRequest, match="'names' is taken"):
        call("add", "names", "names.csv")
    assert "stored" in call("add", "names", "names.csv", "--overwrite").stdout


@pytest.mark.parametrize("source", ["names.csv", "./names.csv", "names"])
def test_a_lexicon_is_tried_without_speaking(call, source):
    call("add", "names", "names.csv")
    assert call("try", source, "Aoife's GIF.", "--language", "en").stdout.splitlines() == [
        "Eefa's GIF.",
        "  Aoife's  Eefa's",
        "1 of 2 rows match this text, read as en.",
        "Hint: Row 2 (GIF) is not used: it is for the language de, and this text is en.",
    ]


def test_what_of_a_pls_file_is_not_honoured_is_told(call, tmp_path):
    lexeme = "<lexeme><grapheme>{0}</grapheme><{1}>Eefa</{1}></lexeme>"
    text = f"<lexicon>{lexeme.format('Aoife', 'alias')}{lexeme.format('Ronan', 'phoneme')}</lexicon>"
    (tmp_path / "names.pls").write_text(text)
    done = call("try", "names.pls", "Aoife.")
    assert done.stdout.startswith("Eefa.\n")
    assert done.stderr == "Note: Ronan: has only a phoneme, which cannot be spoken; give an alias.\n"


def test_a_file_of_very_many_rows_is_to_be_stored_first(call, tmp_path):
    (tmp_path / "many.csv").write_text("word,say\n" + "".join(f"w{n},x\n" for n in range(MOST_INLINE + 1)))
    with pytest.raises(InvalidRequest, match=r"f5-flows lexicon add many many\.csv, and give --lexicon many"):
        call("Hello.", "--lexicon", "many.csv", command=speak)


def test_help_teaches_with_an_example(call):
    text = call("--help").stdout
    assert "word,say,language,voice,case" in text and "f5-flows speak --file chapter.txt --lexicon names" in text
    assert all(word in text for word in ("add", "list", "show", "remove", "try"))
