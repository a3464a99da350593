"""The names of symbols, of ranges and of fractions, for the languages that are fully supported."""

from __future__ import annotations

__all__ = [
    "BY", "COMPARISONS", "FEET", "FRACTIONS", "HALVES", "ONES", "ONE_AND_A_HALF", "PARTS", "PER", "RANGES", "RATIOS",
    "SECTIONS", "SHORT", "SYMBOLS", "TIMES",
]  # fmt: skip

# "." is the dot of an address, of a version or of an IP number; the decimal mark is in `numbers`.
SYMBOLS = {
    "en": {"&": "and", "+": "plus", "=": "equals", "@": "at", ".": "dot", "/": "slash", "-": "dash", "_": "underscore",
           ":": "colon", "#": "number"},
    "de": {"&": "und", "+": "plus", "=": "gleich", "@": "ät", ".": "Punkt", "/": "Schrägstrich", "-": "Strich",
           "_": "Unterstrich", ":": "Doppelpunkt", "#": "Nummer"},
    "fr": {"&": "et", "+": "plus", "=": "égale", "@": "arobase", ".": "point", "/": "barre", "-": "tiret",
           "_": "tiret bas", ":": "deux points", "#": "numéro"},
    "es": {"&": "y", "+": "más", "=": "igual a", "@": "arroba", ".": "punto", "/": "barra", "-": "guion",
           "_": "guion bajo", ":": "dos puntos", "#": "número"},
    "it": {"&": "e", "+": "più", "=": "uguale", "@": "chiocciola", ".": "punto", "/": "barra", "-": "trattino",
           "_": "trattino basso", ":": "due punti", "#": "numero"},
    "pt": {"&": "e", "+": "mais", "=": "igual a", "@": "arroba", ".": "ponto", "/": "barra", "-": "hífen",
           "_": "sublinhado", ":": "dois pontos", "#": "número"},
    "nl": {"&": "en", "+": "plus", "=": "is", "@": "apenstaartje", ".": "punt", "/": "schuine streep", "-": "streepje",
           "_": "laag streepje", ":": "dubbele punt", "#": "nummer"},
    "pl": {"&": "i", "+": "plus", "=": "równa się", "@": "małpa", ".": "kropka", "/": "ukośnik", "-": "myślnik",
           "_": "podkreślenie", ":": "dwukropek", "#": "numer"},
    "ru": {"&": "и", "+": "плюс", "=": "равно", "@": "собака", ".": "точка", "/": "косая черта", "-": "дефис",
           "_": "подчёркивание", ":": "двоеточие", "#": "номер"},
    "zh": {"&": "和", "+": "加", "=": "等于", "@": "艾特", ".": "点", "/": "斜杠", "-": "杠", "_": "下划线",
           ":": "冒号", "#": "号"},
    "ja": {"&": "アンド", "+": "プラス", "=": "イコール", "@": "アットマーク", ".": "ドット", "/": "スラッシュ",
           "-": "ハイフン", "_": "アンダーバー", ":": "コロン", "#": "ナンバー"},
    "ko": {"&": "앤드", "+": "더하기", "=": "는", "@": "골뱅이", ".": "점", "/": "슬래시", "-": "하이픈",
           "_": "밑줄", ":": "콜론", "#": "번호"},
}  # fmt: skip

# Signs before a number, apart from it or not.
COMPARISONS = {
    "en": {"<": "less than", ">": "more than", "≤": "at most", "≥": "at least", "±": "plus or minus", "≈": "about",
           "~": "about", "×": "times"},
    "de": {"<": "weniger als", ">": "mehr als", "≤": "höchstens", "≥": "mindestens", "±": "plus minus",
           "≈": "ungefähr", "~": "ungefähr", "×": "mal"},
    "fr": {"<": "moins de", ">": "plus de", "≤": "au plus", "≥": "au moins", "±": "plus ou moins", "≈": "environ",
           "~": "environ", "×": "fois"},
    "es": {"<": "menos de", ">": "más de", "≤": "como máximo", "≥": "como mínimo", "±": "más menos",
           "≈": "aproximadamente", "~": "aproximadamente", "×": "por"},
    "it": {"<": "meno di", ">": "più di", "≤": "al massimo", "≥": "almeno", "±": "più o meno", "≈": "circa",
           "~": "circa", "×": "per"},
    "pt": {"<": "menos de", ">": "mais de", "≤": "no máximo", "≥": "no mínimo", "±": "mais ou menos",
           "≈": "aproximadamente", "~": "aproximadamente", "×": "vezes"},
    "nl": {"<": "minder dan", ">": "meer dan", "≤": "hoogstens", "≥": "minstens", "±": "plusminus", "≈": "ongeveer",
           "~": "ongeveer", "×": "keer"},
    "pl": {"<": "mniej niż", ">": "więcej niż", "≤": "co najwyżej", "≥": "co najmniej", "±": "plus minus",
           "≈": "około", "~": "około", "×": "razy"},
    "ru": {"<": "меньше", ">": "больше", "≤": "не больше", "≥": "не меньше", "±": "плюс-минус", "≈": "примерно",
           "~": "примерно", "×": "на"},
    "zh": {"<": "小于", ">": "大于", "≤": "小于等于", "≥": "大于等于", "±": "正负", "≈": "约", "~": "约", "×": "乘"},
}  # fmt: skip

RANGES = {
    "en": "to", "de": "bis", "fr": "à", "es": "a", "it": "a", "pt": "a", "nl": "tot", "pl": "do", "ru": "до",
    "zh": "到", "ja": "から", "ko": "에서", "sv": "till", "da": "til", "no": "til", "cs": "až",
}  # fmt: skip

# Fractions as (numerator, denominator); HALVES says what joins a whole number to them, or replaces "and a half".
FRACTIONS = {
    "en": {(1, 2): "one half", (1, 4): "one quarter", (3, 4): "three quarters", (1, 3): "one third",
           (2, 3): "two thirds"},
    "de": {(1, 2): "ein halb", (1, 4): "ein Viertel", (3, 4): "drei Viertel", (1, 3): "ein Drittel",
           (2, 3): "zwei Drittel"},
    "fr": {(1, 2): "un demi", (1, 4): "un quart", (3, 4): "trois quarts", (1, 3): "un tiers", (2, 3): "deux tiers"},
    "es": {(1, 2): "un medio", (1, 4): "un cuarto", (3, 4): "tres cuartos", (1, 3): "un tercio",
           (2, 3): "dos tercios"},
    "it": {(1, 2): "un mezzo", (1, 4): "un quarto", (3, 4): "tre quarti", (1, 3): "un terzo", (2, 3): "due terzi"},
    "pt": {(1, 2): "meio", (1, 4): "um quarto", (3, 4): "três quartos", (1, 3): "um terço", (2, 3): "dois terços"},
    "nl": {(1, 2): "een half", (1, 4): "een kwart", (3, 4): "drie kwart", (1, 3): "een derde", (2, 3): "twee derde"},
    "pl": {(1, 2): "pół", (1, 4): "jedna czwarta", (3, 4): "trzy czwarte", (1, 3): "jedna trzecia",
           (2, 3): "dwie trzecie"},
    "ru": {(1, 2): "одна вторая", (1, 4): "одна четверть", (3, 4): "три четверти", (1, 3): "одна треть",
           (2, 3): "две трети"},
    "zh": {(1, 2): "二分之一", (1, 4): "四分之一", (3, 4): "四分之三", (1, 3): "三分之一", (2, 3): "三分之二"},
    "ja": {(1, 2): "二分の一", (1, 4): "四分の一", (3, 4): "四分の三", (1, 3): "三分の一", (2, 3): "三分の二"},
    "ko": {(1, 2): "이분의 일", (1, 4): "사분의 일", (3, 4): "사분의 삼", (1, 3): "삼분의 일", (2, 3): "삼분의 이"},
}  # fmt: skip
HALVES = {
    "en": (" and ", " and a half"), "de": (" ", "einhalb"), "fr": (" et ", " et demi"), "es": (" y ", " y medio"),
    "it": (" e ", " e mezzo"), "pt": (" e ", " e meio"), "nl": (" ", "ënhalf"), "pl": (" i ", " i pół"),
    "ru": (" и ", " с половиной"), "zh": ("又", "点五"), "ja": ("と", "と二分の一"), "ko": ("와 ", "와 이분의 일"),
}  # fmt: skip

# One and a half, where it is a word of its own.
ONE_AND_A_HALF = {"de": "eineinhalb", "nl": "anderhalf", "pl": "półtora", "ru": "полтора"}

# The fifth, the sixth and the eighth part: one / several; and the one before it.
PARTS = {
    "en": {5: ("fifth", "fifths"), 6: ("sixth", "sixths"), 8: ("eighth", "eighths")},
    "de": {5: ("Fünftel", "Fünftel"), 6: ("Sechstel", "Sechstel"), 8: ("Achtel", "Achtel")},
    "fr": {5: ("cinquième", "cinquièmes"), 6: ("sixième", "sixièmes"), 8: ("huitième", "huitièmes")},
    "es": {5: ("quinto", "quintos"), 6: ("sexto", "sextos"), 8: ("octavo", "octavos")},
    "it": {5: ("quinto", "quinti"), 6: ("sesto", "sesti"), 8: ("ottavo", "ottavi")},
    "pt": {5: ("quinto", "quintos"), 6: ("sexto", "sextos"), 8: ("oitavo", "oitavos")},
    "nl": {5: ("vijfde", "vijfde"), 6: ("zesde", "zesde"), 8: ("achtste", "achtste")},
}
ONES = {"en": "one", "de": "ein", "fr": "un", "es": "un", "it": "un", "pt": "um", "nl": "een"}

# 4/kg, 2:1, 3x and 8 x 10 as they are said.
PER = {"en": "per", "de": "pro", "fr": "par", "es": "por", "it": "al", "pt": "por", "nl": "per", "pl": "na", "ru": "в"}
RATIOS = {"en": "to", "de": "zu", "fr": "à", "es": "a", "it": "a", "pt": "a", "nl": "op", "pl": "do", "ru": "к"}
TIMES = {
    "en": "times", "de": "mal", "fr": "fois", "es": "veces", "it": "volte", "pt": "vezes", "nl": "keer", "pl": "razy",
    "ru": "раз",
}  # fmt: skip
BY = {
    "en": "by", "de": "mal", "fr": "sur", "es": "por", "it": "per", "pt": "por", "nl": "bij", "pl": "na", "ru": "на",
}  # fmt: skip
# The section sign, alone and doubled.
SECTIONS = {
    "en": ("section", "sections"), "de": ("Paragraf", "Paragrafen"), "fr": ("paragraphe", "paragraphes"),
    "es": ("sección", "secciones"), "it": ("paragrafo", "paragrafi"), "pt": ("parágrafo", "parágrafos"),
    "nl": ("paragraaf", "paragrafen"), "pl": ("paragraf", "paragrafy"), "ru": ("параграф", "параграфы"),
}  # fmt: skip

# What may be counted for, shortened.
SHORT = {
    "en": {"mo": "month", "yr": "year", "wk": "week", "hr": "hour", "ea": "each", "pp": "person", "sq": "square"},
    "de": {"Std": "Stunde", "St": "Stück", "Stk": "Stück", "Mon": "Monat"},
}

# 5'10" as it is said.
FEET = {"en": ("foot", "feet", "inch", "inches")}
