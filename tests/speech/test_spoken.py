"""How numbers, money, units, addresses and abbreviations are said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.spoken import spell, spelling
from speech.spoken.context import READINGS
from speech.text import normalise, tokens
from tests.linear import calls_per_sign
from tests.scripts import BOOKS

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


# What a script says, and the spoken forms of its tokens.
MORE = [
    ("en", "No. 5", "number|five"),
    ("en", "No. I won't.", "No.|I|won't."),
    ("en", "St. Louis on Main St. He ran.", "Saint|Louis|on|Main|Street.|He|ran."),
    ("en", "$5M", "five million dollars"),
    ("en", "$3.5 million.", "three point five|million dollars."),
    ("en", "€2bn", "two billion euro"),
    ("en", "5'10\" tall", "five feet ten inches|tall"),
    ("en", "≤ 5 kW, ±3 and <20%", "at most|five|kilowatts,|plus or minus three|and|less than twenty percent"),
    ("en", "4 × 4, a > b", "four|times|four,|a||b"),
    ("de", "≥2,5 km weit", "mindestens zwei Komma fünf|Kilometer|weit"),
    ("en", "½ cup", "one half|cup"),
    ("en", "2½ miles", "two and a half|miles"),
    ("en", "−5 °C", "minus five|degrees Celsius"),
    ("en", "−$5", "minus five dollars"),
    ("en", "192.168.1.1", "one nine two dot one six eight dot one dot one"),
    ("en", "version 3.11.2", "version|three dot eleven dot two"),
    ("en", "on 2024-05-03", "on|May third, twenty twenty-four"),
    ("en", "on May 5, 2024", "on|May|fifth,|twenty twenty-four"),
    ("en", "10:05", "ten oh five"),
    ("en", "10–20 km", "ten to twenty|kilometers"),
    ("en", "10-20%", "ten to twenty percent"),
    ("en", "1990s", "nineteen nineties"),
    ("en", 'said "5"', 'said|"five"'),
    ("de", "am 3.5.2024", "am|dritten Mai zweitausendvierundzwanzig"),
    ("de", "am 3. 5. 2024", "am|dritten|Mai|zweitausendvierundzwanzig"),
    ("de", "Am 24.12. und", "Am|vierundzwanzigsten Dezember|und"),
    ("de", "Der 3. Mai", "Der|dritte|Mai"),
    ("de", "in der 3. Klasse", "in|der|dritten|Klasse"),
    ("de", "um 10:30 Uhr", "um|zehn Uhr|dreißig"),
    ("de", "5,50 €", "fünf Euro|und fünfzig Cent"),
    ("de", "5 Mio. € mehr", "fünf|Millionen|Euro|mehr"),
    ("de", "z. B. Kutschen, d. h. Wagen", "zum|Beispiel|Kutschen,|das|heißt|Wagen"),
    ("de", "192.168.1.1", "eins neun zwei Punkt eins sechs acht Punkt eins Punkt eins"),
    ("de", "1.234.567", "eine Million zweihundertvierunddreißigtausendfünfhundertsiebenundsechzig"),
    ("fr", "1 234,50 € de plus", "mille deux|cent trente-quatre euros|et cinquante centimes|de|plus"),
    ("fr", "12 345 km", "douze mille|trois cent quarante-cinq|kilomètres"),
    ("fr", "20 % de M. Dupont", "vingt|pour cent|de|Monsieur|Dupont"),
    ("fr", "en 50 av. J.-C. déjà", "en|cinquante|avant|Jésus-Christ|déjà"),
    ("fr", "2,5 M€ et −5", "deux virgule cinq|millions d'euros|et|moins cinq"),
    ("fr", "3,5 milliards €", "trois virgule cinq|milliards|d'euros"),
    ("fr", "le 1/5/2024", "le|premier mai deux mille vingt-quatre"),
    ("es", "el 3/5/2024, p. ej. así", "el|tres de mayo de dos mil veinticuatro,|por|ejemplo|así"),
    ("es", "$5 millones", "cinco|millones de dólares"),
    ("it", "S. Maria, 2½", "San|Maria,|due e mezzo"),
    ("pt", "R$ 5 e 20%", "cinco|reais|e|vinte por cento"),
    ("nl", "5 miljoen € of 2½", "vijf|miljoen|euro|of|tweeënhalf"),
    ("pl", "5 zł, 20%", "pięć|złotych,|dwadzieścia procent"),
    ("ru", "03.05.2024 и т. д.", "третье мая две тысячи двадцать четвёртого года|и|так|далее."),
    ("ru", "5 км, 20%", "пять|километров,|двадцать процентов"),
    ("tr", "%20", "yüzde yirmi"),
    ("ja", "5%です", "五パーセント|で|す"),
    ("ja", "2024年5月3日", "二千二十四|年|五|月|三|日"),
    ("ja", "2024/5/3", "二千二十四年五月三日"),
    ("ja", "-5°C", "摂氏マイナス五度"),
    ("ja", "10:30に5km", "十時三十分|に|五キロメートル"),
    ("zh", "5%的", "百分之五|的"),
    ("zh", "2024年5月3日", "二零二四|年|五|月|三|日"),
    ("zh", "-5°C和10:30", "负五摄氏度|和|十点三十分"),
    ("zh", "2个", "两|个"),
    ("zh", "12.5%", "百分之十二点五"),
    ("zh", "¥500", "五百元"),
    ("zh", "20305", "两万零三百零五"),
    ("zh", "100100", "十万零一百"),
    ("ko", "5% 또는 12.5%", "오 퍼센트|또는|십이 점 오 퍼센트"),
    ("ko", "2024-05-03", "이천이십사년 오월 삼일"),
    ("ko", "-5°C", "섭씨 마이너스 오도"),
]  # fmt: skip

DECIMALS = {
    "en": "point", "de": "Komma", "fr": "virgule", "es": "coma", "it": "virgola", "pt": "vírgula", "nl": "komma",
    "pl": "przecinek", "cs": "celá", "sv": "komma", "da": "komma", "no": "komma", "fi": "pilkku", "hu": "egész",
    "ru": "целых", "uk": "кома", "ro": "virgulă", "tr": "virgül", "ar": "فاصلة", "he": "נקודה", "th": "จุด",
    "ja": "点", "zh": "点", "ko": "점", "vi": "phẩy", "id": "koma",
}  # fmt: skip


@pytest.mark.parametrize(("language", "written"), [(key, text) for key in CASES for text in CASES[key]])
def test_written_forms_are_spelled_out(language, written):
    assert " ".join(spell(written.split(), language)) == CASES[language][written]


def test_each_word_keeps_its_own_spoken_form():
    said = spell(["It", "cost", "$5.50", "—", "in", "1984,", "😀", "truly!"], "en")
    assert said == ["It", "cost", "five dollars, fifty cents", "", "in", "nineteen eighty-four,", "", "truly!"]


def test_a_language_without_a_speller_keeps_its_digits():
    assert spell(["3,11", "12"], "el") == ["3,11", "12"]


@pytest.mark.parametrize(("language", "text", "spoken"), MORE)
def test_what_is_written_is_said_as_the_language_says_it(language, text, spoken):
    said = [token.spoken for token in tokens(normalise(text), language)]
    assert said == spoken.split("|")


# One number with a decimal in each language that num2words knows; none says it in English.
@pytest.mark.parametrize("language", DECIMALS)
def test_the_decimal_mark_has_its_name(language):
    comma = language not in ("en", "ja", "zh", "ko", "th", "he", "hi")
    [said] = spell(["3,5" if comma else "3.5"], language)
    assert DECIMALS[language] in said
    assert language == "en" or "point" not in said


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "\u2009"])
def test_groups_may_be_apart_by_any_space(space):
    said = [token.spoken for token in tokens(normalise(space.join(["1", "234", "567"])), "fr")]
    assert " ".join(said) == "un million deux cent trente-quatre mille cinq cent soixante-sept"


def test_groups_are_not_joined_in_languages_that_write_no_space_between_them():
    assert spell(["1", "234"], "en") == ["one", "two hundred and thirty-four"]


HARD = st.sampled_from(
    [
        *("5", "2024", "1", "234", "567", "3.5.", "$", "€5", "M€", "km", "%", "½", "St.", "z.", "B.", "Mio.", "-", "−"),
        *("10:30", "Uhr", "年", "12'345", "5'10\"", "192.168.1.1", "99.99.9999", "2024-02-30", "No.", "(", "»", "R$"),
        *("٣", "²", "1/4", "9" * 30),
    ]
) | st.text(max_size=8)
LANGUAGES = st.sampled_from([*DECIMALS, "am", "el", "hi", "xx"])


@given(st.lists(HARD, max_size=8), LANGUAGES)
def test_any_words_have_as_many_spoken_forms(words, language):
    words = [word for word in " ".join(words).split() if word]
    assert len(spell(words, language)) == len(words)


@pytest.mark.service
@pytest.mark.parametrize(
    "unit", ["1 ", "1 234 ", "$5 ", "z. ", "a.b ", "½ ", "5 km ", "10:30 Uhr ", "3. ", "5 Mio. € "]
)
@pytest.mark.parametrize("language", ["en", "de", "fr", "zh"])
def test_the_work_grows_with_the_text_and_no_faster(unit, language):
    short, long = (calls_per_sign(lambda text: spell(text.split(), language), unit, length) for length in (500, 4_000))
    assert long < 2 * short


@pytest.mark.parametrize("word", ["9" * 400, "1" * 5000, "1.2.3.4.5", "$", "%", "...", "@", "€€", "0", "1e9", "²", "٣"])
@pytest.mark.parametrize("language", ["en", "de", "th", "xx"])
def test_no_word_breaks_it(word, language):
    assert isinstance(spell([word], language)[0], str)


@pytest.mark.parametrize("word", ["a." * 10_000, "A.B.C." * 3000, "http://" + "x" * 5000])
def test_what_is_too_long_for_a_word_is_said_in_pieces(word):
    [spoken] = spell([word], "en")
    assert max(map(len, spoken.split())) <= 100
    assert spoken.replace(" ", "").count("a") == word.count("a")


@pytest.mark.service
@pytest.mark.parametrize(
    "language", ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "sv", "da", "no", "fi", "zh"]
)
def test_what_is_passed_over_quickly_is_what_no_reading_takes(language):
    """Over the first words of each book and over every case above, whose languages do not matter here."""
    cases = [text for table in CASES.values() for text in table]
    texts = [*(book.split()[:1_500] for book in BOOKS.values()), " ".join(cases).split()]
    passed_over = 0
    for words in texts:
        for index, word in enumerate(words):
            if spelling._stays(words, index, language):
                passed_over += 1
                assert not any(reading(words, index, language) for reading in READINGS), words[index : index + 3]
                assert spelling._spell(word, language) == word
    assert passed_over > 0.7 * sum(map(len, texts))
