"""Where sentences end."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.sentences import ends
from speech.sentences.tables import table_of
from speech.text import Token, chunks, normalise, sentences
from tests.linear import calls_per_sign

FOLDER = Path(__file__).parents[1] / "data/sentences"
SETS = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in sorted(FOLDER.glob("*.txt"))}
LARGE = ("en", "de", "fr", "es", "it", "pt", "ja", "zh", "ru")
# All of them but those that are marked.
LEAST_RECOVERED = 1.0


def joined(lines, language):
    return ("" if language in ("ja", "zh") else " ").join(lines)


def found(text, language):
    return [sentence.strip() for sentence in sentences(text, language)]


@pytest.mark.parametrize("language", LARGE)
def test_the_large_sets_have_two_hundred_sentences_each_of_them_once(language):
    assert len(set(SETS[language])) == len(SETS[language]) >= 200


@pytest.mark.parametrize("group", [2, 3, 7, 1000])
@pytest.mark.parametrize("language", SETS)
def test_sentences_that_are_joined_are_found_again(language, group):
    lines = [line for line in SETS[language] if not line.startswith("? ")]
    recovered = 0
    for first in range(0, len(lines), group):
        own = lines[first : first + group]
        recovered += len(set(own) & set(found(joined(own, language), language)))
    assert recovered / len(lines) >= LEAST_RECOVERED


def test_few_sentences_are_marked_as_impossible():
    assert sum(line.startswith("? ") for lines in SETS.values() for line in lines) < 10


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Im 19. Jahrhundert, d. h. um 1850, fuhren hier z. B. nur Kutschen, u. a. zum See."),
        ("de", "Am 3. Mai sah Dr. Weber die Lindenstr. 5 zum 2. Mal."),
        ("es", "El Sr. Ruiz vio flores, p. ej. Rosas del siglo I a. C. en EE. UU. y en casa."),
        ("fr", "M. Dupont lit p. ex. Homère, né vers 800 av. J.-C. en Grèce."),
        ("it", "La Sig.ra Bianchi e il Sig. Rossi comprano pane, latte, ecc. al mercato."),
        ("ru", "В 1999 г. он, т. е. Иванов, жил на ул. Мира, читал, писал и т. д. до ночи."),
        ("en", "Dr. May of the U.S. Army read No. 5, e.g. J. R. R. Tolkien, at 5 p.m. on Main St. in town."),
        ("pt", "O Sr. Silva viu a pág. 5, p. ex. a do séc. XIX."),
        ("pl", "Dr. Nowak mieszka przy ul. Długiej, tj. m.in. Obok rynku, od 1999 r. w domu nr. 5."),
        ("nl", "Dhr. de Vries kocht bijv. Appels, o.a. van mevr. Jansen, op blz. 5."),
        ("sv", "Han såg t.ex. Anna kl. 5 på nr. 3."),
        ("tr", "Dr. Yılmaz 5. Cadde'de oturuyor."),
        ("el", "Ο κ. Παππάς πήγε π.χ. Αθήνα."),
        ("ja", "「行こう。」と彼は言った。"),
        ("zh", "“走吧。”他说。"),
        ("th", "เมื่อ พ.ศ. 2567 เขาเดินทางไป"),
    ],
)
def test_none_of_these_ends_before_its_end(language, text):
    assert found(text, language) == [text]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "They live in the U.S.|The others do not."),
        ("en", "He has string, keys, etc.|Nobody knows why."),
        ("en", "Was that you?|No.|I was asleep."),
        ("de", "Wir treffen uns um 5.|Dann gehen wir."),
        ("de", "Er ist 30.|Sie ist älter."),
        ("fr", "Il naquit en 50 av. J.-C.|Elle mourut jeune."),
        ("fr", "« Viens ! »|Il partit."),
        ("es", "¿Qué?|¡Nada!"),
        ("ru", "Он собирал марки, ключи и т. д.|Никто не знал зачем."),
        ("el", "Πού είναι;|Δεν ξέρω."),
        ("hi", "वह आया।|मैं गया।"),
        ("ar", "أين أنت؟|أنا هنا."),
        ("ja", "「はい。」|彼女は立ち上がった。"),
    ],
)
def test_these_end_where_they_are_marked(language, text):
    assert found(text.replace("|", "" if language == "ja" else " "), language) == text.split("|")


def test_a_number_or_letter_by_itself_belongs_to_the_item_that_it_counts():
    assert found("1. Wash the pears. 2. Peel them. B. Slowly.", "en") == [
        "1. Wash the pears.",
        "2. Peel them.",
        "B. Slowly.",
    ]


def test_a_text_without_capitals_has_sentences_too():
    assert found("i went home. then i slept.", "en") == ["i went home.", "then i slept."]


def test_a_language_without_a_table_has_the_abbreviations_of_sentencex():
    assert table_of("hr") is None
    assert found("Vidio sam dr. Horvata. Otišao je.", "hr") == ["Vidio sam dr. Horvata.", "Otišao je."]


def test_the_end_of_a_line_ends_a_sentence():
    tokens = [Token("One", ""), Token("two", "", "\n"), Token("Three", ""), Token("four", "")]
    assert ends(tokens, "en") == [False, True, False, True]


def test_an_abbreviation_that_ends_a_sentence_keeps_its_stop_when_spoken():
    [chunk] = chunks("Bring keys, etc. Nobody knows why.", "en")
    assert chunk.spoken == "Bring keys, et cetera. Nobody knows why."
    [chunk] = chunks("Bring keys, etc. and go home.", "en")
    assert chunk.spoken == "Bring keys, et cetera and go home."


@pytest.mark.parametrize("language", [path.stem for path in Path("speech/sentences/languages").glob("*.toml")])
def test_a_table_has_no_word_with_a_final_dot_and_no_word_twice(language):
    table = table_of(language)
    kinds = (table.bound, table.counting, table.closing, table.free)
    assert not any(word.endswith(".") for word in table.all | table.openers)
    assert not [word for one, other in itertools.combinations(kinds, 2) for word in one & other]


PIECES = st.sampled_from(
    [*"aZ9.!?…。「」\"'()«»-—\n ", "Dr.", "z. B.", "etc. ", "5. ", "É. ", "好", "と", "😀", "M", "'s ", "IV. "]
)


@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from([*SETS, "el", "th", "xx", "ar"]))
def test_any_text_is_its_sentences_joined(text, language):
    clean = normalise(text)
    assert "".join("".join(sentences(clean, language)).split()) == "".join(clean.split())


def test_a_token_without_text_ends_only_its_paragraph():
    assert ends([Token("One.", ""), Token("", "")], "en") == [False, True]


UNITS = [
    "a. ",
    "Dr. ",
    "z. B. ",
    "1. ",
    "! ",
    "» ",
    '" ',
    "etc. A ",
    "。",
    "「あ。」",
    "！と",
    "… ",
    "a.",
    ") ",
    "— ",
    "J. ",
    "?! A ",
]


@pytest.mark.service
@pytest.mark.parametrize("language", ["en", "de", "ja", "fr", "hr"])
@pytest.mark.parametrize("unit", UNITS)
def test_the_work_grows_with_the_text_and_no_faster(unit, language):
    short, long = (calls_per_sign(lambda text: sentences(text, language), unit, length) for length in (1_000, 8_000))
    assert long < 2 * short
