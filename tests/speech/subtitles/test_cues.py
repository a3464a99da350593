"""Cues under the rules."""

import sys
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.subtitles import summary
from speech.subtitles.cues import build, violations
from speech.subtitles.rules import RULES, rules_for
from speech.text import normalise, tokens
from speech.words import Word
from tests.scripts import ALICE, BOOKS, BY_LANGUAGE, CITIES

NETFLIX = rules_for("netflix", "en")


@cache
def tokens_of(text, language):
    """Many tests set the same books."""
    return tokens(normalise(text), language)


def paced(text, language="en", per_character=70, pause=250):
    """Words as a calm speaker would say them, with a rest after each sentence and clause."""
    words, at = [], 0
    for token in tokens_of(text, language):
        length = per_character * len(token.spoken)
        words.append(Word(token.text, at, at + length, 0.9, False, token.space))
        at += length + (2 * pause if token.text[-1] in ".?!" else pause if token.text[-1] in ",;:" else 0)
    return words


def texts(text, rules=NETFLIX, language="en", **pace):
    return [cue.texts() for cue in build(paced(text, language, **pace), rules, language)]


@pytest.mark.parametrize("preset", RULES)
@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_cues_hold_every_word_once_in_order_and_never_overlap(preset, language):
    words = paced(BY_LANGUAGE[language], language)
    cues = build(words, rules_for(preset, language), language)
    assert [word for cue in cues for word in cue.words] == words
    assert all(cue.start < cue.end for cue in cues)
    assert all(left.end <= right.start for left, right in zip(cues, cues[1:], strict=False))


def test_the_books_are_enough_to_judge_by():
    assert len(BOOKS) >= 5
    assert sum(len(text.split()) for text in BOOKS.values()) >= 20_000


@pytest.mark.parametrize("language", BOOKS)
@pytest.mark.parametrize("preset", RULES)
def test_a_calm_speaker_breaks_no_rule(preset, language):
    rules = rules_for(preset, language)
    calm = 400 if language == "zh" else 110
    cues = build(paced(BOOKS[language], language, per_character=calm), rules, language)
    assert violations(cues, rules) == []


@pytest.mark.parametrize("language", BOOKS)
@pytest.mark.parametrize("preset", RULES)
def test_a_hasty_speaker_breaks_only_rules_that_a_slower_one_would_keep(preset, language):
    rules = rules_for(preset, language)
    hasty = 240 if language == "zh" else 55
    cues = build(paced(BOOKS[language], language, per_character=hasty, pause=60), rules, language)
    assert {found.rule for found in violations(cues, rules)} <= {"speed", "short", "gap"}


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_a_social_cue_holds_one_to_three_words(language):
    cues = build(paced(BOOKS[language], language), rules_for("social", language), language)
    assert {len(cue.words) for cue in cues} <= set(range(1, 9 if language == "zh" else 4))


def test_children_get_more_time_to_read_than_adults():
    assert rules_for("netflix-children", "en").max_cps < rules_for("netflix", "en").max_cps
    assert rules_for("netflix-children", "de").max_cps < rules_for("netflix", "de").max_cps


def test_own_values_replace_those_of_the_preset():
    rules = rules_for("netflix", "en", max_chars=20, max_lines=3, min_duration=1.5, gap=0.2)
    cues = build(paced(BOOKS["en"], per_character=110), rules, "en")
    assert max(len(line) for cue in cues for line in cue.texts()) <= 20
    assert max(len(cue.lines) for cue in cues) == 3
    assert min(right.start - left.end for left, right in zip(cues, cues[1:], strict=False)) >= 200
    assert min(cue.end - cue.start for cue in cues) >= 1500


def test_where_an_own_value_and_the_presets_cannot_both_be_kept_the_own_one_is():
    assert rules_for("netflix", "en", min_duration=9).max_ms == 9000
    assert rules_for("netflix", "en", max_duration=0.5).min_ms == 500
    assert rules_for("netflix", "en", gap=1).close_ms == 1000


def test_lines_of_one_cue_are_about_as_long_as_each_other():
    cues = build(paced(BOOKS["en"], per_character=90), NETFLIX, "en")
    pairs = [[len(line) for line in cue.texts()] for cue in cues if len(cue.lines) == 2]
    assert sum(max(pair) - min(pair) for pair in pairs) / len(pairs) < 12


@pytest.mark.service
def test_the_work_grows_with_the_words_and_no_faster():
    def calls(count):
        made = 0

        def hear(frame, event, argument):
            nonlocal made
            made += event == "call"

        words = paced(" ".join([BOOKS["en"]] * 3))[:count]
        sys.setprofile(hear)
        try:
            build(words, NETFLIX, "en")
        finally:
            sys.setprofile(None)
        return made

    assert calls(8_000) < 4.4 * calls(2_000)


def test_short_gaps_are_closed_to_two_frames_and_long_ones_stay():
    words = [Word("One.", 0, 2000), Word("Two.", 2300, 4000), Word("Three.", 8000, 9500)]
    cues = build(words, NETFLIX, "en")
    assert [(cue.start, cue.end) for cue in cues[-2:]] == [(2300, 4000), (8000, 9500)] or len(cues) == 3
    gaps = [right.start - left.end for left, right in zip(cues, cues[1:], strict=False)]
    assert all(gap == 83 or gap >= 500 for gap in gaps)


def test_a_flash_of_a_word_stays_long_enough_to_be_read():
    cue = build([Word("Yes!", 1000, 1100), Word("Later.", 9000, 9900)], NETFLIX, "en")[0]
    assert cue.end - cue.start == 833


def test_no_cue_outlasts_the_recording_even_to_stay_long_enough():
    words = [Word("Yes!", 100, 300), Word("—", 300, 300)]
    cues = build(words, NETFLIX, "en", 300)
    assert [(cue.start, cue.end) for cue in cues] == [(100, 300)]
    assert [found.rule for found in violations(cues, NETFLIX)][-1] == "short"


def test_cues_end_with_the_sentence_where_they_can():
    ends = [lines[-1][-1] for lines in texts(CITIES)]
    assert sum(end in ".,!?" for end in ends) / len(ends) > 0.7


@pytest.mark.parametrize(
    ("text", "together"),
    [
        ("Yesterday afternoon we finally had the chance to meet Mr. Smith at home", "Mr. Smith"),
        ("Nobody in the whole of the company had ever seen Ada Lovelace laugh so", "Ada Lovelace"),
        ("It had been said that the whole thing would cost about 5 million to do", "5 million"),
        ("In the end they all agreed to come together again on May 5 in the park", "May 5"),
    ],
)
def test_names_and_numbers_are_never_torn_apart(text, together):
    assert any(together in line for lines in texts(text) for line in lines)


@pytest.mark.parametrize(
    ("language", "text", "together"),
    [
        ("de", "Im 19. Jahrhundert, d. h. um 1850, fuhren z. B. nur Kutschen.", ["19. Jahrhundert", "d. h.", "z. B."]),
        ("de", "Am 3. Mai kam Dr. Weber zum 2. Mal in die Lindenstr. 5 zurück.", ["3. Mai", "Dr. Weber", "2. Mal"]),
        ("es", "El Sr. Gómez compró flores, p. ej. rosas, en la tienda de la Sra. Ruiz.", ["Sr. Gómez", "p. ej."]),
        ("fr", "Le temple de M. Dupont date du siècle av. J.-C. et tient encore debout.", ["M. Dupont", "av. J.-C."]),
        ("it", "La Sig.ra Bianchi e il Sig. Rossi comprano pane, latte, ecc. al mercato.", ["Sig. Rossi"]),
        ("ru", "Он приехал в г. Тулу, т. е. домой, и пошёл на ул. Мира.", ["г. Тулу", "т. е.", "ул. Мира"]),
        ("en", "The works of J. R. R. Tolkien were read in the U.S. Army by Dr. May.", ["J. R. R. Tolkien", "Dr. May"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("preset", ["netflix", "social", "bbc"])
def test_no_cue_or_line_ends_at_the_dot_of_an_abbreviation_or_ordinal(language, text, together, preset):
    rules = rules_for(preset, language)
    found = [line for lines in texts(text, rules, language) for line in lines]
    assert not [words for words in together if len(words.split()) < 4 and not any(words in line for line in found)]


def test_lines_do_not_end_on_an_article_or_preposition():
    lines = [line for cue in texts(ALICE) for line in cue]
    assert not [line for line in lines if line.split()[-1].lower() in {"the", "a", "of", "to", "in", "and", "or"}]


def test_one_line_is_enough_where_one_line_is_enough():
    assert texts("A short sentence that fits one line.") == [["A short sentence that fits one line."]]


def test_the_word_preset_shows_each_word_while_it_is_heard():
    words = paced("One two three.")
    cues = build(words, RULES["word"], "en")
    assert [(cue.texts(), cue.start, cue.end) for cue in cues] == [
        ([word.text], word.start, word.end) for word in words
    ]


def test_a_word_longer_than_a_line_is_shown_whole_and_reported():
    cues = build(paced("x" * 60), NETFLIX, "en")
    assert cues[0].texts() == ["x" * 60]
    assert [(found.rule, found.value, found.limit) for found in violations(cues, NETFLIX)] == [("characters", 60, 42)]


def test_speech_faster_than_the_limit_is_reported_with_its_speed():
    broken = violations(build(paced(ALICE, per_character=25, pause=0), NETFLIX, "en"), NETFLIX)
    assert {found.rule for found in broken} <= {"speed", "short", "gap"}
    assert max(found.value for found in broken if found.rule == "speed") > 30
    assert "faster than 20 characters a second (cue 1" in summary(broken)[0]


def test_characters_without_spaces_fill_lines_of_the_languages_own_length():
    script = "今天天气很好，我们去公园散步吧。那里有很多人在放风筝，还有人在唱歌。"
    cues = texts(script, rules_for("netflix", "zh"), "zh", per_character=300)
    lines = [line for cue in cues for line in cue]
    assert max(map(len, lines)) <= 16
    assert not any(line[0] in "，。" for line in lines)


def test_no_words_make_no_cues():
    assert build([], NETFLIX, "en") == []


token_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp", "Cs"]), min_size=1, max_size=20
)
gaps_and_lengths = st.integers(0, 900)
word_lists = st.lists(st.tuples(token_texts, gaps_and_lengths, gaps_and_lengths), min_size=1, max_size=40)


@given(word_lists, st.sampled_from(sorted(RULES)))
def test_any_words_make_cues_that_hold_them_all_without_overlap(raw, preset):
    words, at = [], 0
    for text, gap, length in raw:
        words.append(Word(text, at + gap, at + gap + length))
        at += gap + length
    cues = build(words, RULES[preset], "en")
    assert [word for cue in cues for word in cue.words] == words
    assert all(cue.start < cue.end for cue in cues)
    assert all(left.end <= right.start for left, right in zip(cues, cues[1:], strict=False))
    assert sum(sum(cue.lines) for cue in cues) == len(words)
