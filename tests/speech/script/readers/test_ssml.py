"""What is honoured of SSML, and what is said of the rest."""

import pytest

from speech.errors import InvalidRequest
from speech.request import SpeechRequest
from speech.script import prepare, read
from tests.fakes.engines import Told


def speak(content, cast=("Alice",), stored=(), head='version="1.1" xml:lang="en-US"'):
    text = f'<?xml version="1.0"?><speak xmlns="http://www.w3.org/2001/10/synthesis" {head}>{content}</speak>'
    return read(text, None, cast, lambda: stored)


def said(content, **names):
    return [each.text or each.seconds for each in speak(content, **names).passages]


def test_paragraphs_and_sentences_are_passages():
    script = speak("<p><s>One</s><s>Two</s></p>\n<p>Three</p>")
    assert [(each.text, each.continues) for each in script.passages] == [
        ("One", False),
        ("Two", True),
        ("Three", False),
    ]
    assert (script.format, script.language) == ("ssml", "en")


@pytest.mark.parametrize(
    ("sign", "seconds"),
    [('time="1.5s"', 1.5), ('time="250ms"', 0.25), ('strength="strong"', 1.0), ("", 0.5), ('time="+2s"', 2.0)],
)
def test_breaks_are_pauses(sign, seconds):
    assert said(f"Wait <break {sign}/> for it.") == ["Wait", seconds, "for it."]


def test_a_break_of_no_strength_is_none():
    assert said('Wait <break strength="none"/> for it.') == ["Wait for it."]


def test_voices_are_those_of_the_cast_and_of_the_store():
    script = speak('One. <voice name="alice">Two.</voice> Three. <voice name="bob">Four.</voice>', stored=["bob.wav"])
    assert [(each.voice, each.text) for each in script.passages] == [
        (None, "One."), ("Alice", "Two."), (None, "Three."), ("bob.wav", "Four."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "hint"), [("alcie", "did you mean 'Alice'"), ("zoe", "name it in the cast, or store a voice of that name")]
)
def test_a_voice_that_nobody_knows_is_refused(name, hint):
    with pytest.raises(InvalidRequest, match=f"text: '{name}' is not the name of a voice; {hint}"):
        speak(f'<voice name="{name}">Hello.</voice>')


def test_other_words_are_spoken_and_the_writing_stays():
    [passage] = speak('The <sub alias="World Wide Web &amp; Co">W3C</sub>, &nbsp;he said.').passages
    assert passage.text == "The W3C, he said."
    assert [(passage.text[each.start : each.end], each.say) for each in passage.says] == [
        ("W3C", "World Wide Web & Co")
    ]


def test_other_words_stay_where_a_break_divides_the_text():
    script = speak('<sub alias="a">1</sub> and<break/><sub alias="b">2</sub>, <voice name="Alice">3</voice>')
    first, _, second, third = script.passages
    assert [(each.text, [(say.start, say.say) for say in each.says]) for each in (first, second, third)] == [
        ("1 and", [(0, "a")]), ("2,", [(0, "b")]), ("3", []),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "spoken"),
    [
        ("characters", "FBi2", "F B I two"), ("spell-out", "a-b", "A B"), ("digits", "1907", "one nine zero seven"),
        ("cardinal", "1907", "nineteen oh-seven"), ("ordinal", "3", "third"), ("date", "2024-03-05", None),
        ("telephone", "+1 555-01", "one, five five five, zero one"),
    ],
)  # fmt: skip
def test_the_plainer_kinds_of_say_as_are_honoured(kind, text, spoken):
    [passage] = speak(f'<say-as interpret-as="{kind}">{text}</say-as>').passages
    assert passage.text == text
    if spoken:
        assert passage.says[0].say == spoken
    else:
        assert passage.says[0].say.startswith("March") and "twenty twenty-four" in passage.says[0].say


def test_what_cannot_be_honoured_is_spoken_and_said_once():
    text = '<emphasis>So</emphasis> <emphasis>it</emphasis> <prosody pitch="high" volume="loud">goes</prosody>'
    script = speak(f'{text} <phoneme ph="x">now</phoneme><mark name="m"/> <say-as interpret-as="time">9</say-as>')
    assert script.text == "So it goes now 9"
    assert len(script.notes) == len(set(script.notes)) == 5
    for word in ("emphasis", "pitch", "volume", "phoneme", "time"):
        assert sum(word in note for note in script.notes) == 1


@pytest.mark.parametrize(
    ("rate", "speed"), [("120%", 1.2), ("+20%", 1.2), ("-10%", 0.9), ("x-slow", 0.5), ("fast", 1.25), ("0.8", 0.8)]
)
def test_rates_are_paces(rate, speed):
    assert [each.speed for each in speak(f'One. <prosody rate="{rate}">Two.</prosody>').passages] == [1.0, speed]


def test_a_rate_beyond_the_possible_is_bounded_and_said():
    script = speak('<prosody rate="900%">Quick.</prosody>')
    assert script.passages[0].speed == 2.0
    assert "beyond what can be spoken" in script.notes[0]


def test_languages_are_spoken_as_such():
    script = speak('One. <lang xml:lang="fr">Un deux trois.</lang><p xml:lang="de">Vier.</p>')
    assert [(each.language, each.text) for each in script.passages] == [
        (None, "One."), ("fr", "Un deux trois."), ("de", "Vier."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<p>One", "not well-formed"), ('<break time="an hour"/>x', "for example, 500ms"),
        ('<break time="60s"/>x', "at most 30 seconds"), ('<break strength="huge"/>x', "expected none, x-weak"),
        ('<prosody rate="quick">x</prosody>', "a number or a percentage"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(content, reason):
    with pytest.raises(InvalidRequest, match=f"text: .*{reason}"):
        speak(content)


def test_entities_of_its_own_are_refused():
    with pytest.raises(InvalidRequest, match="declares entities"):
        read('<!DOCTYPE speak [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><speak>&b;</speak>')


def test_what_is_not_honoured_becomes_a_warning():
    request = SpeechRequest.parse({"text": "<speak>So <emphasis>it</emphasis> goes.</speak>", "language": "en"})
    _, warnings = prepare(request, Told())
    assert warnings == ["<emphasis> is not honoured; its text is spoken."]
