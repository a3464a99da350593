"""Rows of a lexicon in a request."""

import pytest

from speech.errors import InvalidRequest
from speech.lexicons import MOST_INLINE, Row
from speech.request import SpeechRequest


def lexicon(given):
    return SpeechRequest.parse({"text": "Hi.", "lexicon": given}).lexicon


def test_a_request_names_a_lexicon_or_brings_its_rows():
    assert lexicon("names") == lexicon("names.csv") == "names"
    assert lexicon([{"word": " GIF ", "say": "jiff", "language": "EN", "voice": "", "case": True}]) == [
        Row(word="GIF", say="jiff", language="en", case="yes")
    ]
    assert lexicon(None) is lexicon("") is None


def test_a_request_with_rows_is_the_same_after_it_has_travelled():
    request = SpeechRequest.parse({"text": "Hi.", "lexicon": [{"word": "GIF", "say": "jiff", "case": "yes"}]})
    assert SpeechRequest.model_validate(request.model_dump(mode="json")) == request
    assert SpeechRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("../x", "lexicon: '../x' is not accepted; expected the name of a stored lexicon (letters"),
        (5, "lexicon: 5 is not accepted; expected the name of a stored lexicon or a list of rows"),
        ({"word": "a"}, "expected the name of a stored lexicon or a list of rows"),
        (["GIF"], "lexicon.0: 'GIF' is not accepted; expected an object"),
        ([{"word": "GIF"}], "lexicon.0.say is required"),
        (
            [{"word": "a", "say": "b"}, {"word": "", "say": "b"}],
            "lexicon.1.word: '' is not accepted; expected the word",
        ),
        ([{"word": "a", "say": "?"}], "lexicon.0.say: '?' is not accepted; expected the words to speak"),
        ([{"word": "a" * 101, "say": "b"}], "expected at most 100 characters"),
        ([{"word": "a", "say": "b" * 201}], "expected at most 200 characters"),
        ([{"word": "a", "say": "b", "voice": "c" * 129}], "expected at most 128 characters"),
        (
            [{"word": "a", "say": "b", "language": "xx"}],
            "lexicon.0.language: 'xx' is not accepted; expected a two-letter",
        ),
        (
            [{"word": "a", "say": "b", "case": "no way"}],
            "lexicon.0.case: 'no way' is not accepted; expected one of yes",
        ),
        ([{"word": "a", "say": "b", "sya": "c"}], "lexicon.0.sya: unknown field; did you mean 'say'?"),
        ([{"word": "\ud800", "say": "b"}], "holds half of a surrogate pair"),
        ([{"word": "a", "say": "b"}] * (MOST_INLINE + 1), "lexicon: it holds 501 rows; at most 500 are accepted"),
    ],
)
def test_what_is_wrong_names_the_row_the_field_the_value_and_what_is_accepted(given, says):
    with pytest.raises(InvalidRequest) as caught:
        lexicon(given)
    assert says in str(caught.value)
    assert str(caught.value).encode()


def test_of_very_many_problems_only_the_first_are_told():
    with pytest.raises(InvalidRequest, match="and 980 more problems"):
        lexicon([{}] * MOST_INLINE)
