"""Which language a text is in."""

import pytest

from speech.language import check, detect, detect_surely
from tests.scripts import BY_LANGUAGE
from tests.speech.test_sentences import SETS


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_a_text_of_some_length_is_recognised(language):
    assert detect(BY_LANGUAGE[language]) == language


@pytest.mark.parametrize("text", ["Hello there.", "Hi", "OK 42", "f5-flows"])
def test_a_text_too_short_to_tell_counts_as_english(text):
    assert detect(text) == "en"


@pytest.mark.parametrize(("text", "language"), [("你好", "zh"), ("こんにちは", "ja"), ("안녕", "ko"), ("مرحبا", "ar")])
def test_the_script_tells_where_the_text_is_too_short(text, language):
    assert detect(text) == language


SHORT = {
    "en": ["How are you today?", "See you tomorrow at the station."],
    "de": ["Guten Morgen, wie geht es dir?", "Ich weiß es nicht.", "Der Hund schläft."],
    "fr": ["Bonjour tout le monde", "Où est la gare ?", "Je ne sais pas."],
    "es": ["¿Dónde está la estación?", "Buenos días a todos.", "No lo sé."],
    "it": ["Buongiorno a tutti.", "Dove si trova la stazione?", "Non lo so."],
    "pt": ["Onde fica a estação?", "Não sei."],
    "nl": ["Waar is het station?", "Goedemorgen allemaal."],
    "pl": ["Dzień dobry wszystkim.", "Nie wiem."],
    "cs": ["Dobrý den, jak se máte?"],
    "sv": ["God morgon, hur mår du?"],
    "hu": ["Hol van az állomás?"],
    "tr": ["İstasyon nerede?"],
    "ru": ["Доброе утро!", "Где вокзал?", "Привет"],
    "bg": ["Къде е гарата?"],
    "sr": ["Где је станица?"],
    "ar": ["أين المحطة؟"],
    "fa": ["ایستگاه کجاست؟"],
    "ur": ["اسٹیشن کہاں ہے؟"],
    "he": ["איפה התחנה?"],
    "hi": ["स्टेशन कहाँ है?"],
    "ja": ["駅はどこですか。", "これは本です"],
    "zh": ["车站在哪里？", "第一章"],
    "ko": ["역이 어디예요?"],
    "th": ["สถานีอยู่ที่ไหน"],
    "el": ["Πού είναι ο σταθμός;"],
    "vi": ["Nhà ga ở đâu?"],
    "ka": ["სად არის სადგური?"],
    "hy": ["Որտե՞ղ է կայարանը:"],
    "ta": ["நிலையம் எங்கே?"],
}


@pytest.mark.parametrize(("language", "text"), [(language, text) for language in SHORT for text in SHORT[language]])
def test_a_short_text_is_recognised_and_never_surely_as_another(language, text):
    assert detect(text) == language
    assert detect_surely(text) in (language, None)


@pytest.mark.parametrize("language", SETS)
def test_any_sentences_are_recognised_and_few_are_doubtful(language):
    glue = "" if language in ("ja", "zh") else " "
    texts = [glue.join(SETS[language][first : first + 4]) for first in range(0, len(SETS[language]), 4)]
    surely = [detect_surely(text) for text in texts]
    assert surely.count(language) / len(texts) > 0.85
    assert sum(code not in (language, None) for code in surely) / len(texts) < 0.02


@pytest.mark.parametrize("text", ["", "2024", "—", "OK", "Hi", "Restaurant", "John Smith", "Berlin Paris Madrid"])
def test_what_could_be_any_language_is_not_sure(text):
    assert detect_surely(text) is None
    assert detect(text) == "en"


@pytest.mark.parametrize("language", ["ko", "ja", "th", "el", "he", "ka"])
def test_a_script_of_one_language_leaves_no_doubt(language):
    assert detect_surely(SHORT[language][0].split()[0]) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I love 東京 very much.", "en"),
        ("Er sagte 北京 und ging.", "de"),
        ("Hello, мир! How are you doing today?", "en"),
    ],
)
def test_a_word_of_another_script_does_not_change_the_language(text, language):
    assert detect(text) == language


def test_codes_are_checked():
    assert check(" De ") == "de"
    with pytest.raises(ValueError, match="'xx' is not known"):
        check("xx")
