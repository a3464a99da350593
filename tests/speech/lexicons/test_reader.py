"""Reading lexicons from files."""

import pytest

from speech.errors import InvalidRequest
from speech.lexicons import MOST_ROWS, Row, table
from speech.lexicons.reader import MOST_BYTES, read

PLS = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa" xml:lang="en-GB">
  <lexeme><grapheme>W3C</grapheme><alias>World Wide Web Consortium</alias></lexeme>
  <lexeme>
    <grapheme>colour</grapheme><grapheme>color</grapheme>
    <alias>kuller</alias><alias prefer="true">culler &amp; co</alias>
  </lexeme>
  %s
</lexicon>
"""


def refused(raw, label="names.csv"):
    with pytest.raises(InvalidRequest) as caught:
        read(raw if isinstance(raw, bytes) else raw.encode(), label)
    return str(caught.value)


def test_a_table_has_a_row_for_each_word():
    raw = '\ufeffword,say,language,voice,case\nAoife,Eefa,,,\n"Ronan, Saoirse",Sur-sha Ronan,EN,bob,Yes\n\n'.encode()
    assert read(raw, "x").rows == (
        Row(word="Aoife", say="Eefa"),
        Row(word="Ronan, Saoirse", say="Sur-sha Ronan", language="en", voice="bob", case="yes"),
    )


@pytest.mark.parametrize(
    "text", ["Say;Word\r\nEefa;Aoife\r\n", "word\tsay\tcase\nAoife\tEefa\tno\n", "\nword,say\nAoife,Eefa"]
)
def test_a_table_may_come_from_any_spreadsheet(text):
    assert read(text.encode(), "x").rows == (Row(word="Aoife", say="Eefa"),)


def test_what_is_written_is_read_again():
    rows = (
        Row(word='a "b", c', say="d\ne", voice="bob"),
        Row(word="東京", say="とうきょう", language="ja", case="yes"),
    )
    assert read(table.write(rows).encode(), "x").rows == rows


def test_a_word_is_normalised_as_scripts_are():
    assert read("word,say\n Cafe\u0301\u200b  noir ,x\n".encode(), "x").rows[0].word == "Caf\u00e9 noir"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Aoife,Eefa\n", "names.csv, line 1: 'Aoife,Eefa' is not accepted; expected the header word,say, with"),
        ("word,say,sound\na,b,c\n", "line 1: 'word,say,sound' is not accepted"),
        ("word,say,say\na,b,c\n", "line 1: 'word,say,say' is not accepted"),
        ("word,say\nAoife,Eefa\n\nGIF,\n", "names.csv, line 4: say: '' is not accepted; expected the words to speak"),
        ('word,say\n"a\nb",c\n?,!\n', "line 4: say: '!' is not accepted"),
        ("word,say\n ,b\n", "line 2: word: ' ' is not accepted; expected the word as the script spells it"),
        ("word,say,language\na,b,xx\n", "line 2: language: 'xx' is not accepted; expected a two-letter code"),
        ("word,say,case\na,b,maybe\n", "line 2: case: 'maybe' is not accepted; expected one of yes, no"),
        (f"word,say\n{'a' * 101},b\n", "is not accepted; expected at most 100 characters"),
        (f"word,say\na,{'b' * 201}\n", "is not accepted; expected at most 200 characters"),
        (f"word,say,voice\na,b,{'c' * 129}\n", "is not accepted; expected at most 128 characters"),
        ("word,say\nRonan, Saoirse,b\n", "line 2: it has 3 cells, and the header has 2"),
        ('word,say\n"a,b\n', "line 2: it is not CSV"),
        (f'word,say\n"{"a" * 200_000}",b\n', "line 2: it is not CSV: field larger than field limit"),
        ("word,say\n", "names.csv: it holds no row that can be spoken"),
        ("", "it holds no row"),
        (b"\xff\xfe", "names.csv is not UTF-8 text"),
        ("word,say\n" + "a,b\n" * (MOST_ROWS + 1), f"line {MOST_ROWS + 2}: it has more than {MOST_ROWS} rows"),
        (b" " * (MOST_BYTES + 1), "at most 4 MB are accepted"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_is_told_with_its_line(text, says):
    assert says in refused(text)


def test_all_that_is_wrong_is_told_at_once_up_to_a_point():
    assert refused("word,say\na,\nb,\n").count("say: ''") == 2
    assert refused("word,say\n" + "a,\n" * 3000).count("say: ''") == 20


def test_of_a_pls_file_the_preferred_aliases_are_read():
    assert read((PLS % "").encode(), "x").rows == tuple(
        Row(word=word, say=say, language="en", case="yes")
        for word, say in [("W3C", "World Wide Web Consortium"), ("colour", "culler & co"), ("color", "culler & co")]
    )


def test_phonemes_and_roles_are_said_to_be_left_out():
    found = read(
        (PLS % "<lexeme><grapheme>Aoife</grapheme><phoneme>i:fə</phoneme></lexeme>" + "<!-- -->\n").encode(),
        "x",
    )
    assert len(found.rows) == 3 and found.notes == (
        "Aoife: has only a phoneme, which cannot be spoken; give an alias.",
    )
    role = '<lexeme role="x:verb"><grapheme>read</grapheme><alias>reed</alias></lexeme>'
    assert read((PLS % role).encode(), "x").notes == (
        "read: is for one role of a word only, which is not known; it was left out.",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PLS % "<lexeme>", "names.pls, line 9: it is not XML: mismatched tag"),
        (PLS % "<lexeme><grapheme></grapheme><alias>x</alias></lexeme>", "names.pls, line 8: word: ''"),
        (PLS % "<lexeme><grapheme>&nbsp;</grapheme></lexeme>", "it is not XML: undefined entity"),
        ("<html></html>", "line 1: <html> is not accepted; expected the <lexicon> of a PLS file"),
        ("<lexicon><lexeme><grapheme>a</grapheme><phoneme>b</phoneme></lexeme></lexicon>", "a: has only a phoneme"),
        ("<lexicon></lexicon>", "it holds no row that can be spoken"),
        ("<" * 1_000_000, "it is not XML"),
        ("<a>" * 600_000, "it is not XML"),
    ],
)
def test_what_is_wrong_with_a_pls_file_is_told_with_its_line(text, says):
    assert says in refused(text, "names.pls")


def test_no_entity_of_a_pls_file_is_expanded_or_fetched(tmp_path):
    (tmp_path / "secret").write_text("secret")
    for declared in (f'<!ENTITY a SYSTEM "{(tmp_path / "secret").as_uri()}">', '<!ENTITY a "b">'):
        text = f'<?xml version="1.0"?>\n<!DOCTYPE lexicon [{declared}]>\n' + (
            "<lexicon><lexeme><grapheme>x</grapheme><alias>&a;</alias></lexeme></lexicon>"
        )
        assert refused(text, "x") == "x, line 2: a DOCTYPE is not accepted; leave it out"
