"""How numbers, money, units, addresses and abbreviations are said."""

import pytest

from speech.spoken import spell

CASES = {
    "en": {
        "Dr. Smith": "Doctor Smith",
        "1984": "nineteen eighty-four",
        "$5.50": "five dollars, fifty cents",
        "$5": "five dollars",
        "£1,200": "one thousand, two hundred pounds sterling",
        "the 3rd": "the third",
        "10:30": "ten thirty",
        "5 km": "five kilometers",
        "1 km": "one kilometer",
        "20%": "twenty percent",
        "3.14": "three point one four",
        "-5°C": "minus five degrees Celsius",
        "1,000,000": "one million",
        "me@example.com": "me at example dot com",
        "https://www.example.com/x": "www dot example dot com slash x",
        "10-20": "ten to twenty",
        "007": "zero zero seven",
        "B2B": "B two B",
        "rock & roll": "rock and roll",
        "(42)": "(forty-two)",
        "90 km/h": "ninety kilometers per hour",
    },
    "de": {
        "5,50€": "fünf Euro und fünfzig Cent",
        "1.200 €": "eintausendzweihundert Euro",
        "am 3. Mai": "am dritten Mai",
        "1984": "neunzehnhundertvierundachtzig",
        "3,14": "drei Komma eins vier",
        "20%": "zwanzig Prozent",
        "z.B.": "zum Beispiel",
        "10:30": "zehn Uhr dreißig",
    },
    "fr": {
        "1er": "premier",
        "5,50€": "cinq euros et cinquante centimes",
        "20 %": "vingt pour cent",
        "M. Dupont": "Monsieur Dupont",
        "3,14": "trois virgule un quatre",
    },
    "es": {
        "5,50€": "cinco euros con cincuenta céntimos",
        "3.º": "tercero",
        "20%": "veinte por ciento",
        "Sr. Gómez": "Señor Gómez",
    },
    "it": {
        "3º": "terzo",
        "3,14": "tre virgola uno quattro",
        "Sig. Rossi": "Signor Rossi",
        "5 km": "cinque chilometri",
    },
}


@pytest.mark.parametrize(("language", "written"), [(key, text) for key in CASES for text in CASES[key]])
def test_written_forms_are_spelled_out(language, written):
    assert " ".join(spell(written.split(), language)) == CASES[language][written]


def test_each_word_keeps_its_own_spoken_form():
    said = spell(["It", "cost", "$5.50", "—", "in", "1984,", "😀", "truly!"], "en")
    assert said == ["It", "cost", "five dollars, fifty cents", "", "in", "nineteen eighty-four,", "", "truly!"]


def test_a_language_without_a_speller_keeps_its_digits():
    assert spell(["3.11", "12"], "zh") == ["3.11", "12"]


@pytest.mark.parametrize("word", ["9" * 400, "1" * 5000, "1.2.3.4.5", "$", "%", "...", "@", "€€", "0", "1e9", "²", "٣"])
@pytest.mark.parametrize("language", ["en", "de", "th", "xx"])
def test_no_word_breaks_it(word, language):
    assert isinstance(spell([word], language)[0], str)


@pytest.mark.parametrize("word", ["a." * 10_000, "A.B.C." * 3000, "http://" + "x" * 5000])
def test_what_is_too_long_for_a_word_is_said_in_pieces(word):
    [spoken] = spell([word], "en")
    assert max(map(len, spoken.split())) <= 100
    assert spoken.replace(" ", "").count("a") == word.count("a")
