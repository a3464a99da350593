"""Words of a lexicon in a script: what is spoken changes, what is written does not."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speech.lexicons import MOST_ROWS, Row
from speech.script import read
from speech.script.chunks import cut
from speech.script.lexicon import Lexicon
from speech.script.passage import Passage, Script, Substitution
from tests.scripts import BOOKS

WORDS = {
    "Aoife": "Eefa", "GIF": "jiff", "Saoirse": "Ser-sha", "Saoirse Ronan": "Sur-sha Ronan", "don": "dawn", "s": "ess",
    "C++": "see plus plus", ".NET": "dot net", "42": "the answer", "Dr. No": "Doctor No", "UE": "u eu",
    "東京": "とうきょう", "東京都": "とうきょうと", "กรุงเทพ": "krung thep", "银行": "yin hang", "ロビ": "Robbie",
    "❤": "love",
}  # fmt: skip
ROWS = [Row(word=word, say=say) for word, say in WORDS.items()]


def spoken(text, language="en", rows=ROWS, voice=None, voices=None):
    script = Script((Passage("verse", text, voice=voice),))
    chunks = cut(Lexicon(rows, voices or {}).pronounce(script, language), language, 300)
    assert "".join(chunk.text for chunk in chunks) == text
    return "".join(chunk.spoken for chunk in chunks)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Aoife!", "Eefa!"),
        ("“AOIFE,” she said.", "“Eefa,” she said."),
        ("Aoife's and Aoife’s.", "Eefa's and Eefa’s."),
        ("Die GIF-Datei.", "Die jiff-Datei."),
        ("A non-GIF.", "A non-jiff."),
        ("A GIF-7 to a 3-GIF.", "A jiff-seven to a three-jiff."),
        ("Saoirse (Saoirse Ronan, Saoirse).", "Ser-sha (Sur-sha Ronan, Ser-sha)."),
        ("Dr. No, Dr. Nora.", "Doctor No, Doctor Nora."),
        ("Don won't, don't, Don’t!", "dawn won't, don't, Don’t!"),
        ("L'UE et l’UE.", "L'u eu et l’u eu."),
        ("GIFs, giffy, gif_a.", "GIFs, giffy, gif_a."),
        ("A C++ or .NET job.", "A see plus plus or dot net job."),
        ("A .NET, it is.", "A dot net, it is."),
        ("42, 42.5 and 1,042.", "the answer, forty-two point five and one thousand and forty-two."),
        ("See www.gif.com or gif@aoife.org!", "See www dot gif dot com or gif at aoife dot org!"),
        ("I ❤ GIF/PNG.", "I love jiff/PNG."),
        ("Aoife-GIF-Saoirse.", "Eefa-jiff-Ser-sha."),
    ],
)
def test_whole_words_are_found_with_what_stands_around_them(text, says):
    assert spoken(text) == says


@pytest.mark.parametrize("text", ["ASP.NET", "C++x", "gif@aoife.org", "https://gif.com/gif", "4.42", "Aoifes", "don’t"])
def test_parts_of_words_are_left_alone(text):
    assert not Lexicon(ROWS).matches(text, "en")


@pytest.mark.parametrize(
    ("language", "text", "says"),
    [
        ("ja", "東京に行った。", "とうきょうに行った。"),
        ("ja", "「東京都」です。", "「とうきょうと」です。"),
        ("ja", "GIFファイル。", "jiffファイル。"),
        ("ja", "ロビンソン、ロビ。", "ロビンソン、Robbie。"),
        ("zh", "中国银行，42号。", "中国yin hang，the answer号。"),
        ("th", "ไปกรุงเทพ.", "ไปkrung thep."),
        ("ja", "ロビ ABC、「ロビ」 ABC。", "Robbie ABC、「Robbie」 ABC。"),
        ("zh", "银行 ABC，(银行) ABC。", "yin hang ABC，(yin hang) ABC。"),
    ],
)  # fmt: skip
def test_words_are_found_where_no_spaces_part_them(language, text, says):
    assert spoken(text, language) == says


def test_the_words_of_a_phrase_are_shared_among_its_tokens():
    script = Lexicon([*ROWS, Row(word="W H O", say="Who")]).pronounce(read("(Saoirse Ronan) W H O, 東京。"), "en")
    [chunk] = cut(script, "en", 300)
    assert [token.spoken for token in chunk.tokens] == ["(Sur-sha", "Ronan)", "Who,", "", "", "とうき", "ょう。"]


@pytest.mark.parametrize(("fields", "says"), [
    ({"case": "yes"}, "U S and us"), ({}, "U S and U S"), ({"language": "de"}, "US and us"),
    ({"language": "en"}, "U S and U S"), ({"voice": "bob"}, "US and us"), ({"voice": "Main"}, "U S and U S"),
])  # fmt: skip
def test_a_row_may_be_for_one_spelling_language_or_voice(fields, says):
    assert spoken("US and us.", rows=[Row(word="US", say="U S", **fields)]) == f"{says}."


def test_a_voice_is_known_by_its_name_in_the_script_and_in_the_store():
    voices = {None: "narrator.wav", "alice": "voices-a.wav"}
    for voice, name in [(None, "narrator"), (None, "Narrator.wav"), ("alice", "Alice"), ("alice", "voices-a")]:
        assert spoken("GIF.", rows=[Row(word="GIF", say="x", voice=name)], voice=voice, voices=voices) == "x."
    assert spoken("GIF.", rows=[Row(word="GIF", say="x", voice="narrator")], voice="alice", voices=voices) == "GIF."


def test_the_row_that_is_closest_counts_and_of_equals_the_first():
    rows = [
        Row(word="gif", say="any"), Row(word="GIF", say="later"), Row(word="gif", say="de", language="de"),
        Row(word="gif", say="bob", voice="bob"), Row(word="GIF", say="exact", case="yes"),
    ]  # fmt: skip
    lexicon = Lexicon(rows)
    assert [row.say for row in lexicon.shadowed] == ["later"]
    assert spoken("gif GIF", rows=rows) == "any exact."
    assert spoken("gif", "de", rows) == "de."
    assert spoken("gif", "de", rows, voice="bob") == "bob."


def test_a_longer_row_for_another_language_does_not_hide_a_shorter_one():
    rows = [Row(word="GIF Datei", say="x", language="de"), Row(word="GIF", say="jiff")]
    assert spoken("GIF Datei.", rows=rows) == "jiff Datei."


@pytest.mark.parametrize(("language", "says"), [("en", "version two."), ("de", "version zwei.")])
def test_digits_of_what_is_said_are_spelled_in_the_language_of_the_text(language, says):
    assert spoken("v2.", language, [Row(word="v2", say="version 2")]) == says


def test_what_a_document_substitutes_counts_for_more():
    passage = Passage("paragraph", "GIF and Saoirse Ronan, GIF.", says=(Substitution(16, 21, "R"),))
    [chunk] = cut(Lexicon(ROWS).pronounce(Script((passage,)), "en"), "en", 300)
    assert chunk.spoken == "jiff and Saoirse R, jiff."


def test_what_is_said_counts_for_the_length_of_chunks():
    text = " ".join(["WHO met in Geneva and agreed."] * 30)
    rows = [Row(word="WHO", say="the World Health Organization of the United Nations")]
    chunks = cut(Lexicon(rows).pronounce(read(text), "en"), "en", 200)
    assert max(len(chunk.spoken) for chunk in chunks) <= 200


def test_no_word_gets_too_long_for_an_engine():
    said = spoken(f"{'a' * 300}-GIF-{'b' * 300} x", rows=[Row(word="GIF", say="c" * 200)])
    assert max(map(len, said.split())) <= 100


def test_finding_words_takes_time_in_proportion_to_the_text():
    def steps(text):
        """Lines of Python that are run, which does not depend on what else the machine does."""
        count = 0

        def trace(frame, event, _):
            nonlocal count
            count += event == "line"
            return trace

        sys.settrace(trace)
        try:
            lexicon.matches(text, "en")
        finally:
            sys.settrace(None)
        return count

    phrases = [Row(word="a " * length + "b", say="x") for length in range(1, 49)]
    lexicon = Lexicon([*phrases, *(Row(word=f"word{number}", say="x") for number in range(MOST_ROWS - len(phrases)))])
    for text in ("a ", "word7 ", "a", "1,", "a.", "東", "'", "👨\u200d"):
        assert steps(text * 400) < 2.5 * steps(text * 200) + 1000


LETTERS = st.sampled_from(
    ["Aoife", "GIF", "Saoirse Ronan", "東京", "กรุงเทพ", "’s", "'t", "-", ".", ",", " ", "42", "C++", "(", "❤"]
)
TEXTS = st.lists(LETTERS | st.text(max_size=4), min_size=1, max_size=12).map("".join)
LEXICONS = st.lists(
    st.builds(
        lambda word, say, case: {"word": word, "say": say + "x", "case": case},
        TEXTS.map(lambda text: text[:100]),
        TEXTS.map(lambda text: text[:100]),
        st.sampled_from(["yes", "no"]),
    ),
    max_size=6,
)


def rows_of(given_rows):
    rows = []
    for fields in given_rows:
        try:
            rows.append(Row(**fields))
        except ValueError:
            continue
    return rows


@given(TEXTS, LEXICONS, st.sampled_from([*BOOKS, "ja", "th", "zh", "ar"]))
@example("Aoife's", [{"word": "Aoife", "say": "!x"}, {"word": "s", "say": "x"}], "en")
def test_no_lexicon_changes_what_is_written_and_an_empty_one_changes_nothing(text, given_rows, language):
    script = read(text)
    plain = cut(script, language, 300)
    assert cut(Lexicon([]).pronounce(script, language), language, 300) == plain
    rows = rows_of(given_rows)
    told = cut(Lexicon(rows).pronounce(script, language), language, 300)
    before, after = ([token for chunk in chunks for token in chunk.tokens] for chunks in (plain, told))
    assert [(token.text, token.space) for token in after] == [(token.text, token.space) for token in before]
    assert "".join(chunk.spoken for chunk in told) or not "".join(chunk.spoken for chunk in plain)


@given(TEXTS, LEXICONS)
def test_matches_are_in_order_and_overlap_nowhere(text, given_rows):
    at = 0
    for match in Lexicon(rows_of(given_rows)).matches(text, "en"):
        assert at <= match.start < match.end <= len(text)
        at = match.end
