"""How numbers are said that people write in letters, recipes, timetables, price lists and history books."""

import pytest

from speech.sentences.tables import table_of
from speech.spoken.units import DOTTED
from speech.text import normalise, tokens

# A script and the spoken forms of its tokens.
NUMBERS_THAT_NAME = [
    (
        "en",
        "Call +44 20 7946 0958 now.",
        "Call|plus four four,|two zero,|seven nine four six,|zero nine five eight|now.",
    ),
    ("en", "Call (555) 123-4567.", "Call|five five five,|one two three, four five six seven."),
    ("en", "It is 1-800-555-0199!", "It|is|one, eight zero zero, five five five, zero one nine nine!"),
    ("en", "My number is 555-0199.", "My|number|is|five five five, zero one nine nine."),
    ("en", "(tel. 0161 496 0000)", "(tel.|zero one six one,|four nine six|zero zero zero zero)"),
    ("en", "Dial 911 now.", "Dial|nine one one|now."),
    ("en", "I called 911 people.", "I|called|nine hundred and eleven|people."),
    ("en", "In (1984) 2000 people came.", "In|(nineteen eighty-four)|two thousand|people|came."),
    ("en", "ISBN 978-3-16-148410-0.", "ISBN|nine seven eight, three, one six, one four eight four one zero, zero."),
    ("en", "ISBN: 0-306-40615-X", "ISBN:|zero, three zero six, four zero six one five, X"),
    (
        "en",
        "978-0-13-468599-1 is a good book",
        "nine seven eight, zero, one three, four six eight five nine nine, one|is|a|good|book",
    ),
    (
        "en",
        "GB82 WEST 1234 5698 7654 32 is an IBAN.",
        "G B, eight two,|W E S T,|one two three four,|five six nine eight,|seven six five four,|three two|is|an|IBAN.",
    ),
    (
        "en",
        "Pay with 4111 1111 1111 1111.",
        "Pay|with|four one one one,|one one one one,|one one one one,|one one one one.",
    ),
    ("en", "Her PIN is 4821, ext. 204.", "Her|PIN|is|four eight two one,|extension|two zero four."),
    ("en", "My code has 5000 lines.", "My|code|has|five thousand|lines."),
    ("de", "unter 1000000 Euro", "unter|eine Million|Euro"),
    ("en", "4-4-2 is a formation", "four four two|is|a|formation"),
    ("en", "pages 100-1200", "pages|one hundred to twelve hundred"),
    ("de", "Rufen Sie 030 901820 an.", "Rufen|Sie|null drei null,|neun null eins acht zwei null|an."),
    ("de", "+49 (0)30 901820", "plus vier neun,|null, drei null,|neun null eins acht zwei null"),
    ("de", "Am 01.02.2024 um 08:30", "Am|ersten Februar zweitausendvierundzwanzig|um|acht Uhr dreißig"),
    (
        "fr",
        "Appelez le 01 42 68 53 00.",
        "Appelez|le|zéro un,|quarante-deux,|soixante-huit,|cinquante-trois,|zéro zéro.",
    ),
    ("fr", "N° vert : 0 800 123 456", "N°|vert||zéro,|huit zéro zéro,|un deux trois,|quatre cinq six"),
    ("fr", "1 234 567 habitants", "un million deux|cent trente-quatre mille|cinq cent soixante-sept|habitants"),
    ("es", "Llame al 91 555 01 23.", "Llame|al|nueve uno,|cinco cinco cinco,|cero uno,|dos tres."),
    ("ru", "тел. +7 495 123-45-67", "тел.|плюс семь,|четыре девять пять,|один два три, четыре пять, шесть семь"),
]
TIMES = [
    ("en", "Open 2pm–4pm.", "Open|two p.m. to four p.m."),
    ("en", "2–4 pm, and 5 am.", "two to|four p.m.,|and|five|a.m."),
    ("en", "I am 5 am I not", "I|am|five|a.m.|I|not"),
    ("en", "10:00–11:30 a.m. on Monday", "ten to eleven|thirty a.m.|on|Monday"),
    ("en", "10 AM–2 PM, ok", "ten|a.m. to two|p.m.,|ok"),
    ("en", "9-5 job", "nine to five|job"),
    ("en", "at 7pm.", "at|seven p.m."),
    ("en", "2:05:13", "two oh five thirteen"),
    ("en", "1990-2000", "nineteen ninety to two thousand"),
    ("de", "14.30 Uhr", "vierzehn Uhr|dreißig"),
    ("de", "9–17 Uhr", "neun bis|siebzehn Uhr"),
    ("de", "2,30 m", "zwei Komma drei null|Meter"),
    ("fr", "à 14h30.", "à|quatorze heures trente."),
    ("fr", "14 h 30, oui", "quatorze|heures|trente,|oui"),
    ("fr", "à 17 h. de Paris", "à|dix-sept|heures|de|Paris"),
    ("fr", "9h–12h30", "neuf heures à douze heures trente"),
    ("fr", "21h", "vingt et une heures"),
    ("es", "a las 14:30 h.", "a|las|catorce horas|y treinta."),
    ("it", "alle 14.30", "alle|quattordici trenta"),
    ("pt", "às 14h30", "às|catorze horas e trinta"),
    ("nl", "om 20.30 uur", "om|twintig uur|dertig"),
    ("sv", "kl. 14.30", "kl.|fjorton trettio"),
]
AMOUNTS = [
    ("en", "It costs 500 USD.", "It|costs|five|hundred dollars."),
    ("en", "CHF 30.– each", "thirty|Swiss francs|each"),
    ("en", "£12.- only", "twelve pounds sterling|only"),
    ("en", "USD 3 million", "three|million|dollars"),
    ("en", "$5–10 a day", "five to ten dollars|a|day"),
    ("en", "£5m–£10m", "five million pounds sterling to ten million pounds sterling"),
    ("en", "$20/month", "twenty dollars per month"),
    ("en", "99¢", "ninety-nine cents"),
    ("de", "Fr. 30.– pro Person", "dreißig|Schweizer Franken|pro|Person"),
    ("de", "Fr. Müller kam.", "Frau|Müller|kam."),
    ("de", "€ 12,–.", "zwölf|Euro."),
    ("de", "EUR 12,50", "zwölf Euro|und fünfzig Cent"),
    ("de", "1.250,– Euro", "eintausendzweihundertfünfzig|Euro"),
    ("de", "3,50 €/kg", "drei Euro und|fünfzig Cent pro Kilogramm"),
    ("fr", "12,50 EUR", "douze euros|et cinquante centimes"),
    ("es", "USD 1.500", "mil|quinientos dólares"),
    ("it", "500 CHF", "cinquecento|franchi svizzeri"),
    ("en", "3 ½ cups", "three and|a half|cups"),
    ("en", "3½ km", "three and a half|kilometers"),
    ("en", "2 3/4 in. thick", "two and|three quarters|inches|thick"),
    ("en", "a 7/8 in. pipe", "a|seven eighths|inch|pipe"),
    ("en", "10-15-year-olds, a 10-K", "ten to fifteen year olds,|a|ten K"),
    ("en", "a ½-inch gap", "a|one half inch|gap"),
    ("de", "1 ½ l Milch", "eineinhalb||Liter|Milch"),
    ("nl", "1½ km", "anderhalf|kilometer"),
    ("en", "He is 5 ft., or so.", "He|is|five|feet,|or|so."),
    ("en", "It is 6 ft. long and 8 in. wide.", "It|is|six|feet|long|and|eight|inches|wide."),
    ("en", "He is 6 ft. She is 5.", "He|is|six|feet.|She|is|five."),
    ("en", "5 in the room", "five|in|the|room"),
    ("en", "a 6-ft. ladder", "a|six foot|ladder"),
    ("en", "A 6' 2\" man", "A|six feet|two inches|man"),
    ("en", "100 sq. ft. of Space", "one hundred|square|feet|of|Space"),
    ("de", "1 TL Salz, 1 h Ruhe", "ein|Teelöffel|Salz,|eine|Stunde|Ruhe"),
    ("en", "A 8 x 10 in. photo", "A|eight|by|ten|inches|photo"),
    ("en", "3x faster", "three times|faster"),
    ("de", "3-mal 5-jährig", "dreimal|fünfjährig"),
    ("en", "2:1 win", "two to one|win"),
    ("en", "John 3:16-18", "John|three sixteen to eighteen"),
    ("en", "§ 5, §12", "section|five,|section twelve"),
    ("en", "the mid-1990s", "the|mid nineteen nineties"),
    ("en", "+5 and 18+", "plus five|and|eighteen plus"),
    ("en", "Sept. 5, 2020", "September|fifth,|twenty twenty"),
    ("fr", "la 1re fois", "la|première|fois"),
    ("es", "3er lugar", "tercer|lugar"),
]
NUMERALS = [
    ("en", "Louis XIV was king.", "Louis|the fourteenth|was|king."),
    ("en", "Henry VIII's wives", "Henry|the eighth's|wives"),
    ("en", "Chapter IV begins.", "Chapter|four|begins."),
    ("en", "Acts I and II", "Acts|one|and|two"),
    ("en", "World War I ended.", "World|War|one|ended."),
    ("en", "He and I left.", "He|and|I|left."),
    ("en", "Tell Elizabeth I said hi.", "Tell|Elizabeth|I|said|hi."),
    ("en", "Queen Elizabeth I died.", "Queen|Elizabeth|the first|died."),
    ("en", "Elizabeth I was crowned.", "Elizabeth|the first|was|crowned."),
    ("en", "Charles I think left.", "Charles|I|think|left."),
    ("en", "The Part I hated", "The|Part|I|hated"),
    ("en", "Was it I?", "Was|it|I?"),
    ("en", "In this chapter I argue", "In|this|chapter|I|argue"),
    ("en", "In Act V I die.", "In|Act|five|I|die."),
    ("en", "the mix and MIX and CD", "the|mix|and|MIX|and|CD"),
    ("en", "Rocky IV is loud.", "Rocky|four|is|loud."),
    ("en", "Malcolm X and Francis X. Bushman", "Malcolm|X|and|Francis|X.|Bushman"),
    ("en", "Vitamin C, an IV drip", "Vitamin|C,|an|IV|drip"),
    ("en", "Super Bowl LVIII", "Super|Bowl|fifty-eight"),
    ("en", "the XIX century", "the|nineteenth|century"),
    ("en", "MCMLXXXIV", "nineteen eighty-four"),
    ("en", "II. The Sea", "two.|The|Sea"),
    ("en", "IV", "four"),
    ("en", "I. The Rabbit-Hole", "one.|The|Rabbit-Hole"),
    ("en", "V. The Pool", "five.|The|Pool"),
    ("en", "X: Tears", "ten:|Tears"),
    ("en", "I. Newton was born.", "I.|Newton|was|born."),
    ("en", "I", "I"),
    ("de", "V. Das Haus", "fünf.|Das|Haus"),
    ("de", "V. Putin", "V.|Putin"),
    ("de", "Ludwig XIV. ließ bauen.", "Ludwig|der Vierzehnte|ließ|bauen."),
    ("de", "Kapitel IV", "Kapitel|vier"),
    ("de", "unter Kaiser Wilhelm II. begann", "unter|Kaiser|Wilhelm|dem Zweiten|begann"),
    ("de", "Ludwigs XIV. Schloss", "Ludwigs|des Vierzehnten|Schloss"),
    ("de", "Elisabeth II. starb.", "Elisabeth|die Zweite|starb."),
    ("de", "im II. Weltkrieg", "im|zweiten|Weltkrieg"),
    ("fr", "Louis XIV aimait", "Louis|quatorze|aimait"),
    ("fr", "aux XVIIe et XVIIIe siècles", "aux|dix-septième|et|dix-huitième|siècles"),
    ("fr", "François Ier", "François|premier"),
    ("fr", "Le film, le mix", "Le|film,|le|mix"),
    ("es", "Felipe II, Alfonso XIII e Isabel II", "Felipe|segundo,|Alfonso|trece|e|Isabel|segunda"),
    ("es", "el siglo V y el s. XIX", "el|siglo|quinto|y|el|siglo|diecinueve"),
    ("it", "nel XIX secolo", "nel|diciannovesimo|secolo"),
    ("it", "Papa Giovanni XXIII", "Papa|Giovanni|ventitreesimo"),
    ("nl", "Willem III", "Willem|de derde"),
    ("pl", "w XIX wieku", "w|dziewiętnastym|wieku"),
    ("ru", "в XIX веке", "в|девятнадцатом|веке"),
    ("ru", "XIX в.", "девятнадцатого|века."),
]


def said(text, language):
    return [token.spoken for token in tokens(normalise(text), language)]


@pytest.mark.parametrize(("language", "text", "spoken"), NUMBERS_THAT_NAME)
def test_a_number_that_names_something_is_said_digit_by_digit(language, text, spoken):
    assert said(text, language) == spoken.split("|")


@pytest.mark.parametrize(("language", "text", "spoken"), TIMES)
def test_times_of_day_are_said_alone_and_from_one_to_another(language, text, spoken):
    assert said(text, language) == spoken.split("|")


@pytest.mark.parametrize(("language", "text", "spoken"), AMOUNTS)
def test_amounts_are_said_with_what_they_count(language, text, spoken):
    assert said(text, language) == spoken.split("|")


@pytest.mark.parametrize(("language", "text", "spoken"), NUMERALS)
def test_roman_numerals_are_said_where_they_are_some(language, text, spoken):
    assert said(text, language) == spoken.split("|")


@pytest.mark.parametrize("language", DOTTED)
def test_the_abbreviations_of_units_end_no_sentence_by_themselves(language):
    table = table_of(language)
    assert table is not None
    assert DOTTED[language].keys() <= table.units
