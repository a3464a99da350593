"""Where lines may break in scripts that are written without spaces."""

import itertools

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from speech.phrases import Joint, joints
from speech.subtitles.cues import build
from speech.subtitles.rules import RULES, rules_for
from speech.text import chunks, normalise, tokens
from speech.words import Word
from tests.linear import calls_per_sign
from tests.speech.test_sentences import SETS

# What no line may begin with, and what none may end with: kinsoku.
NOT_FIRST = regex.compile(r"[、。，．！？：；」』）】》〉”’々ーぁぃぅぇぉっゃゅょァィゥェォッャュョ・％℃]")
NOT_LAST = regex.compile(r"[「『（【《〈“‘￥＄]")


def divided(text, language):
    pieces = tokens(text, language)
    return "".join(
        piece.text + piece.space + ("|" if joint is Joint.OPEN else "")
        for piece, joint in zip(pieces, joints(pieces, language), strict=True)
    ).split("|")


def lines(text, language, preset="netflix", pace=180):
    words = [
        Word(token.text, pace * at, pace * at + pace - 20, 1.0, False, token.space)
        for at, token in enumerate(tokens(text, language))
    ]
    return [line for cue in build(words, rules_for(preset, language), language) for line in cue.texts()]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", "北海道では、|四季に|ついて|学ぶことができます。"),
        ("ja", "「東京特許許可局に|行きましょう」と|彼は|言った。"),
        ("ja", "2024年5月3日に|12.5％増加した。"),
        ("zh", "今天|天气|很|好，|我们|去|公园|散步|吧。"),
        ("zh", "這|個|問題|很|難|回答。"),
        ("th", "วัน|นี้|อากาศ|ดี|มาก|เรา|ไป|เดิน|เล่น"),
    ],
)
def test_phrases_and_words_are_found(language, text):
    expected = text.split("|")
    found = divided("".join(expected), language)
    # A border that is not found is no harm; one that is found elsewhere divides a word.
    borders = {*itertools.accumulate(map(len, expected))}
    assert {*itertools.accumulate(map(len, map(str.strip, found)))} <= borders
    assert len(found) >= len(expected) / 2


@pytest.mark.parametrize("preset", [name for name in RULES if name != "word"])
@pytest.mark.parametrize("language", ["ja", "zh"])
def test_no_line_begins_or_ends_with_a_sign_that_may_not(language, preset):
    found = lines("".join(SETS[language]), language, preset)
    assert not [line for line in found if NOT_FIRST.match(line) or NOT_LAST.match(line[-1])]


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (
            "ja",
            "日本の四季について話しましょう。北海道では冬が長く、九州では夏が早く始まります。",
            "四季 について 北海道 では 九州 始まり",
        ),
        (
            "ja",
            "キャラメルとチョコレートのどちらが好きか、子どもたちに聞いてみることにしました。",
            "キャラメル チョコレート 子ども",
        ),
        (
            "zh",
            "中华人民共和国成立以后，北京的图书馆和博物馆都向公众开放了，人们可以免费参观。",
            "北京 图书馆 博物馆 公众 开放 免费 参观",
        ),
        (
            "th",
            "วันนี้อากาศดีมากเราไปเดินเล่นในสวนสาธารณะกันเถอะแล้วค่อยกลับบ้านไปกินข้าวเย็น",
            "อากาศ สวน กลับ บ้าน ข้าว",
        ),
    ],
)
@pytest.mark.parametrize("preset", ["netflix", "social"])
def test_no_line_ends_inside_a_word(language, text, words, preset):
    found = lines(text, language, preset)
    assert not [word for word in words.split() if not any(word in line for line in found)]


def test_a_space_in_thai_is_the_best_place_for_a_break():
    found = lines("วันนี้อากาศดีมาก เราไปเดินเล่นในสวนสาธารณะกันเถอะ", "th")
    assert found == ["วันนี้อากาศดีมาก", "เราไปเดินเล่นในสวนสาธารณะกันเถอะ"]


def test_a_word_of_another_script_stays_whole():
    assert "Python" in divided("私はPythonを使っています。", "ja")[0] + divided("私はPythonを使っています。", "ja")[1]


def test_text_with_spaces_has_nothing_to_divide():
    assert set(joints(tokens("One two three.", "en"), "en")) == {Joint.OPEN}


@given(
    st.text(st.sampled_from("北海道では、「」ーっキャ5% aก็ดีខ្មែរ。😀\u3099"), max_size=60),
    st.sampled_from(["ja", "zh", "th", "en"]),
)
def test_any_text_has_a_joint_after_each_token(text, language):
    pieces = tokens(normalise(text), language)
    assert len(joints(pieces, language)) == len(pieces)


@pytest.mark.service
@pytest.mark.parametrize("unit", ["北", "は、", "ー", "ดี", "a好", "「", "x "])
def test_the_work_grows_with_the_text_and_no_faster(unit):
    def act(text):
        pieces = [Word(sign, 0, 0, 1.0, False, "") for sign in text]
        joints(pieces, "ja")

    short, long = (calls_per_sign(act, unit, length) for length in (1_000, 8_000))
    assert long < 2 * short


LONG = {
    "ja": "北海道では四季について学ぶことができますし東京では新しい建物がたくさん作られていますので引っ越しています",
    "zh": "我们昨天在北京的公园里看见了很多来自世界各地的朋友他们正在学习中国的文化和历史",
    "th": "เมื่อวานนี้เราไปเที่ยวสวนสาธารณะกับเพื่อนหลายคนและพวกเขากำลังเรียนภาษาไทยที่มหาวิทยาลัยในกรุงเทพ",
}


@pytest.mark.parametrize("language", LONG)
def test_a_long_sentence_is_cut_between_phrases_or_words(language):
    text = LONG[language]
    parts = chunks(text, language, max_chars=24, min_chars=1)
    assert len(parts) > 1
    pieces = tokens(text, language)
    allowed, at = set(), 0
    for piece, joint in zip(pieces, joints(pieces, language), strict=True):
        at += len(piece.text)
        if joint is Joint.OPEN:
            allowed.add(at)
    ends = list(itertools.accumulate(len(part.text) for part in parts))
    assert set(ends) <= allowed


def test_a_long_sentence_is_never_cut_before_a_mark_that_begins_no_line():
    parts = chunks("ラーメン" * 3 + "（ラーメンとチャーハンとギョーザ）ー" * 6, "ja", max_chars=20, min_chars=1)
    assert not any(part.text[0] in "）ーンャョ" for part in parts)


@pytest.mark.parametrize(
    ("language", "shown"), [("ja", "北海道では|四季について"), ("zh", "我们|昨天|在"), ("th", "เมื่อวาน")]
)
def test_the_preset_word_shows_phrases_or_words(language, shown):
    heard = [
        Word(token.text, 100 * number, 100 * number + 100, 0.9, False, token.space)
        for number, token in enumerate(tokens(LONG[language], language))
    ]
    cues = build(heard, rules_for("word", language), language)
    assert "|".join(cue.texts()[0] for cue in cues).startswith(shown)
    assert max(len(cue.words) for cue in cues) > 1
    assert all(cue.start == cue.words[0].start and cue.end == cue.words[-1].end for cue in cues)
