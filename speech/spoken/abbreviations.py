"""Abbreviations that are read in full, alone (`Dr.`) and of several words (`z. B.`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import regex

from speech.spoken.parts import parted, share

__all__ = ["begins", "expand"]

_WHOLE = {
    "en": {
        "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Dr.": "Doctor", "Prof.": "Professor", "St.": "Saint",
        "Jr.": "Junior", "Sr.": "Senior", "vs.": "versus", "etc.": "et cetera", "e.g.": "for example",
        "i.e.": "that is", "No.": "number", "Nos.": "numbers", "Ave.": "Avenue", "approx.": "approximately",
        "Mt.": "Mount", "Blvd.": "Boulevard", "Rd.": "Road", "Gen.": "General", "Capt.": "Captain", "Sgt.": "Sergeant",
        "p.": "page", "pp.": "pages", "vol.": "volume", "fig.": "figure", "ch.": "chapter",
        "ext.": "extension", "Jan.": "January", "Feb.": "February", "Mar.": "March", "Apr.": "April", "Jun.": "June",
        "Jul.": "July", "Aug.": "August", "Sep.": "September", "Sept.": "September", "Oct.": "October",
        "Nov.": "November", "Dec.": "December", "Ext.": "Extension", "Fig.": "Figure", "Vol.": "Volume",
        "Ch.": "Chapter", "Sen.": "Senator", "Rep.": "Representative", "Gov.": "Governor", "Lt.": "Lieutenant",
        "Col.": "Colonel", "Maj.": "Major", "Rev.": "Reverend", "Hon.": "Honorable", "Apt.": "Apartment",
    },
    "de": {
        "Dr.": "Doktor", "Prof.": "Professor", "Hr.": "Herr", "Fr.": "Frau", "z.B.": "zum Beispiel",
        "usw.": "und so weiter", "bzw.": "beziehungsweise", "ca.": "zirka", "Nr.": "Nummer", "Str.": "Straße",
        "St.": "Sankt", "d.h.": "das heißt", "evtl.": "eventuell", "u.a.": "unter anderem", "z.T.": "zum Teil",
        "v.Chr.": "vor Christus", "n.Chr.": "nach Christus", "vgl.": "vergleiche", "Mio.": "Millionen",
        "Mrd.": "Milliarden", "bspw.": "beispielsweise", "inkl.": "inklusive", "sog.": "sogenannt",
        "Jh.": "Jahrhundert",
        "S.": "Seite", "Abb.": "Abbildung", "Kap.": "Kapitel", "o.ä.": "oder ähnlich", "i.d.R.": "in der Regel",
        "u.U.": "unter Umständen", "s.o.": "siehe oben", "s.u.": "siehe unten",
        "Jan.": "Januar", "Feb.": "Februar", "Aug.": "August", "Sept.": "September", "Okt.": "Oktober",
        "Nov.": "November", "Dez.": "Dezember", "Fa.": "Firma", "Tel.": "Telefon", "Abs.": "Absatz", "Art.": "Artikel",
        "Bd.": "Band", "ggf.": "gegebenenfalls", "zzgl.": "zuzüglich", 
    },
    "fr": {
        "M.": "Monsieur", "MM.": "Messieurs", "Mme": "Madame", "Mlle": "Mademoiselle", "Dr": "Docteur",
        "Pr": "Professeur", "etc.": "et cetera", "p.ex.": "par exemple", "St": "Saint", "Ste": "Sainte",
        "av.": "avenue", "bd": "boulevard",
        "av.J.-C.": "avant Jésus-Christ", "apr.J.-C.": "après Jésus-Christ", "env.": "environ", "cf.": "confer",
        "c.-à-d.": "c'est-à-dire", "p.": "page", "n°": "numéro", "chap.": "chapitre", "vol.": "volume",
        "janv.": "janvier", "févr.": "février", "juill.": "juillet", "sept.": "septembre", "oct.": "octobre",
        "nov.": "novembre", "déc.": "décembre", "tél.": "téléphone",
    },
    "es": {
        "Sr.": "Señor", "Sra.": "Señora", "Srta.": "Señorita", "Dr.": "Doctor", "Dra.": "Doctora", "D.": "Don",
        "Dña.": "Doña", "Ud.": "usted", "Uds.": "ustedes", "etc.": "etcétera", "p.ej.": "por ejemplo", "núm.": "número",
        "pág.": "página", "págs.": "páginas", "a.C.": "antes de Cristo", "d.C.": "después de Cristo",
        "EE.UU.": "Estados Unidos", "Avda.": "Avenida", "aprox.": "aproximadamente",
        "s.": "siglo", "tel.": "teléfono", "cap.": "capítulo", "vol.": "volumen", "art.": "artículo",
    },
    "it": {
        "Sig.": "Signor", "Sig.ra": "Signora", "Sig.na": "Signorina", "Dott.": "Dottor", "Dott.ssa": "Dottoressa",
        "Prof.": "Professor", "ecc.": "eccetera", "es.": "esempio", "S.": "San", "pag.": "pagina",
        "p.es.": "per esempio", "Ing.": "Ingegner", "Avv.": "Avvocato", "a.C.": "avanti Cristo", "d.C.": "dopo Cristo",
        "cfr.": "confronta", "art.": "articolo", "sec.": "secolo",
    },
    "pt": {
        "Sr.": "Senhor", "Sra.": "Senhora", "Dr.": "Doutor", "Dra.": "Doutora", "Prof.": "Professor",
        "Profa.": "Professora", "etc.": "et cetera", "p.ex.": "por exemplo", "pág.": "página", "nº": "número",
        "a.C.": "antes de Cristo", "d.C.": "depois de Cristo", "séc.": "século", "Av.": "Avenida",
    },
    "nl": {
        "dhr.": "de heer", "mevr.": "mevrouw", "mw.": "mevrouw", "dr.": "doctor", "prof.": "professor",
        "bijv.": "bijvoorbeeld", "bv.": "bijvoorbeeld", "enz.": "enzovoort", "d.w.z.": "dat wil zeggen",
        "o.a.": "onder andere", "m.a.w.": "met andere woorden", "nr.": "nummer", "blz.": "bladzijde", "ca.": "circa",
        "v.Chr.": "voor Christus", "n.Chr.": "na Christus",
    },
    "pl": {
        "np.": "na przykład", "tj.": "to jest", "tzn.": "to znaczy", "itd.": "i tak dalej", "itp.": "i tym podobne",
        "dr": "doktor", "prof.": "profesor", "ul.": "ulica", "nr": "numer", "m.in.": "między innymi",
        "tzw.": "tak zwany", "p.n.e.": "przed naszą erą", "n.e.": "naszej ery",
    },
    "ru": {
        "т.е.": "то есть", "т.д.": "так далее", "т.п.": "тому подобное", "т.к.": "так как", "др.": "другие",
        "г-н": "господин", "г-жа": "госпожа", "ул.": "улица", "проф.": "профессор", "н.э.": "нашей эры",
        "руб.": "рублей", "тыс.": "тысяч", "млн": "миллионов", "млрд": "миллиардов", "стр.": "страница", "им.": "имени",
    },
}  # fmt: skip

# Many of these are words, or something else, unless a number or a name follows.
_BEFORE_NUMBERS = {"No.", "Nos.", "S.", "p.", "pp.", "vol.", "fig.", "ch.", "art.", "стр.", "bd",
                   "ext.", "Ext.", "Fig.", "Vol.", "Ch.", "Jan.", "Feb.", "Mar.", "Apr.", "Jun.", "Jul.", "Aug.",
                   "Sep.", "Sept.", "Oct.", "Nov.", "Dec.", "Abs.", "Art.", "Bd.", "cap.", "Apt."}  # fmt: skip
_BEFORE_NAMES = {"St.", "M.", "MM.", "Fr.", "Hr.", "D.", "Mt.", "Gen.", "av.", "им.", "St", "Ste", "Dr", "Pr", "Av.",
                 "Sen.", "Rep.", "Gov.", "Lt.", "Col.", "Maj.", "Rev.", "Hon.", "Fa."}  # fmt: skip
# Of a century, whose numeral follows.
_BEFORE_NUMERALS = {("es", "s."), ("it", "sec.")}
# Their readings there. Elsewhere they stay as written.
_OTHERWISE = {("en", "St."): "Street", ("de", "St."): "Stück", ("pt", "Av."): "Avenida", ("fr", "av."): "avenue"}
_ITALIAN_SAINT = "S."
# Names follow a saint; a word that opens a sentence follows a street: `on Main St. They met.`
_STREETS = {"St."}

# Signs around an abbreviation; its dots are its own. The second is matched in reverse, so that each takes one pass.
_OPEN = regex.compile(r"[\p{Ps}\p{Pi}\"'¿¡]*")
_CLOSE = regex.compile(r"(?r)[\p{Pe}\p{Pf}\"',;:!?…]*")
_MOST_TOKENS, _LONGEST = 3, 12


def begins(core: str, language: str) -> bool:
    """Check whether a word, without the punctuation around it but with its dot, may begin an abbreviation.

    >>> begins("z.", "de"), begins("Dr.", "en"), begins("garden", "en")
    (True, True, False)
    """
    return core in _beginnings(language)


@cache
def _beginnings(language: str) -> frozenset[str]:
    keys = _WHOLE.get(language, {})
    return frozenset([*keys, *(key[: key.index(".") + 1] for key in keys if "." in key)])


def expand(words: Sequence[str], index: int, language: str) -> list[str] | None:
    """Return the reading of the abbreviation that begins at a word, one text for each of its words.

    >>> expand(["z.", "B.", "Kutschen"], 0, "de"), expand(["No.", "I", "won't"], 0, "en")
    (['zum', 'Beispiel'], None)
    """
    table = _WHOLE.get(language)
    if table is None or len(words[index]) > _LONGEST or not any(map(str.isalpha, words[index])):
        return None
    opening, core, closing = parted(words[index], _OPEN, _CLOSE)
    for count in range(_MOST_TOKENS, 0, -1):
        parts = words[index : index + count]
        if len(parts) < count or any(len(part) > _LONGEST for part in parts):
            continue
        if count > 1:
            if closing or not core.endswith("."):
                continue
            before, last, end = parted(parts[-1], _OPEN, _CLOSE)
            if before or not all(part.endswith(".") for part in parts[1:-1]):
                continue
            key = core + "".join(parts[1:-1]) + last
        else:
            key, end = core, closing
        after = words[index + count] if index + count < len(words) else ""
        read = _read(key, "" if end else after, language, table)
        if read is not None:
            shared = share(read, count)
            return [opening + shared[0], *shared[1:-1], shared[-1] + end] if count > 1 else [opening + read + end]
    return None


def _read(key: str, after: str, language: str, table: dict[str, str]) -> str | None:
    read = table.get(key)
    if read is None:
        return None
    if language == "it" and key == _ITALIAN_SAINT:
        return read if after[:1].isupper() else None
    if (language, key) in _BEFORE_NUMERALS:
        return read if after[:1] in tuple("IVX") else None
    if key in _BEFORE_NUMBERS:
        return read if after[:1].isdigit() else None
    if key in _BEFORE_NAMES:
        names = after[:1].isupper() and not (key in _STREETS and after.lower() in _openers(language))
        return read if names else _OTHERWISE.get((language, key))
    return read


def _openers(language: str) -> frozenset[str]:
    from speech.sentences.tables import table_of

    table = table_of(language)
    return table.openers if table else frozenset()
