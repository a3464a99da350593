"""Which language a text is in."""

import pytest

from speech.language import check, detect
from tests.scripts import BY_LANGUAGE


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_a_text_of_some_length_is_recognised(language):
    assert detect(BY_LANGUAGE[language]) == language


@pytest.mark.parametrize("text", ["Hello there.", "Hi", "OK 42", "f5-flows"])
def test_a_text_too_short_to_tell_counts_as_english(text):
    assert detect(text) == "en"


@pytest.mark.parametrize(("text", "language"), [("你好", "zh"), ("こんにちは", "ja"), ("안녕", "ko"), ("مرحبا", "ar")])
def test_the_script_tells_where_the_text_is_too_short(text, language):
    assert detect(text) == language


def test_codes_are_checked():
    assert check(" De ") == "de"
    with pytest.raises(ValueError, match="'xx' is not known"):
        check("xx")
