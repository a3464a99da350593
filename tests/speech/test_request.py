"""The contract: what is accepted, and what is said when it is not."""

from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from speech.encoding import ENCODERS
from speech.errors import InvalidRequest
from speech.outputs import AUDIO, TIMINGS
from speech.request import FORMATS, SpeechRequest
from speech.result import SpeechResult
from speech.subtitles.rules import RULES
from speech.subtitles.styles import KARAOKE, STYLES


def refusal(**fields):
    with pytest.raises(InvalidRequest) as caught:
        SpeechRequest.parse({"text": "Hello."} | fields)
    return [str(problem) for problem in caught.value.problems]


def test_the_defaults_are_the_contracts():
    request = SpeechRequest.parse({"text": "Hello."})
    assert (request.speed, request.seed, request.timing_method, request.timing_format) == (1.0, None, "whisperx", "srt")
    assert request.formats == ("srt", "vtt", "csv", "json", "ass")
    assert (request.sample_rate, request.return_word_timings, request.wait) == (22050, False, True)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u2003"])
def test_no_text_is_refused_in_the_words_that_clients_know(text):
    assert refusal(text=text) == ["Text input is required"]


def test_a_missing_text_is_refused_likewise():
    with pytest.raises(InvalidRequest, match=r"^Text input is required$"):
        SpeechRequest.parse({})


@pytest.mark.parametrize("text", ["?!...", "—", "😀😀", "\x01!", "«»"])
def test_a_text_without_words_is_refused(text):
    assert "holds no letter or digit" in refusal(text=text)[0]


def test_a_text_may_be_of_any_length():
    assert len(SpeechRequest.parse({"text": "a" * 3_000_000}).text) == 3_000_000


def test_where_there_is_a_limit_one_more_character_is_refused_with_what_to_do():
    SpeechRequest.parse({"text": "a" * 20_000}, max_text_chars=20_000)
    with pytest.raises(InvalidRequest) as raised:
        SpeechRequest.parse({"text": "a" * 20_001, "speed": 9}, max_text_chars=20_000)
    [first, second] = raised.value.problems
    assert "20001 characters is too long; at most 20000" in str(first)
    assert all(way in str(first) for way in ("Split the script", "MAX_TEXT_CHARS", "f5-flows speak or narrate"))
    assert str(second).startswith("speed: 9 is not accepted")


@pytest.mark.parametrize("speed", [0, 0.49, 2.01, float("nan"), float("inf"), "fast", [], "1,5"])
def test_a_speed_out_of_bounds_is_named_with_what_is_accepted(speed):
    assert refusal(speed=speed) == [f"speed: {speed!r} is not accepted; expected a number from 0.5 to 2.0"]


@pytest.mark.parametrize("seed", [0, -1, 2**31, "x", 1.5])
def test_a_seed_out_of_bounds_is_named_with_what_is_accepted(seed):
    assert refusal(seed=seed) == [f"seed: {seed!r} is not accepted; expected a whole number from 1 to 2147483647"]


@pytest.mark.parametrize(
    "voice", ["../x.wav", "a/b.wav", "/etc/passwd", "..", ".hidden", "a\x00b", "x" * 129, "a b.wav"]
)
def test_a_voice_that_could_leave_its_place_is_refused(voice):
    assert "local_voice" in refusal(local_voice=voice)[0]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://x.org/a.wav", "only https"),
        ("file:///etc/passwd", "only https"),
        ("ftp://x/a", "only https"),
        ("https://u:hunter2@x.org/a.wav", "user name or a password"),
        ("https://:hunter2@h/a", "user name or a password"),
        ("https://[::1/?sig=hunter2", "is not accepted"),
        ("https://127.0.0.1\\@1.1.1.1/", "backslashes"),
        ("https://2130706433/", "is not accepted"),
        ("https://\ud800/", "local_voice"),
    ],
)
def test_a_voice_url_that_is_not_plain_https_is_refused(url, reason):
    (told,) = refusal(local_voice=url)
    assert reason in told
    assert "hunter2" not in told
    told.encode()


@pytest.mark.parametrize("name", ["seed", "speed"])
def test_true_is_no_number_but_a_number_may_come_as_text(name):
    assert f"{name}: True is not accepted; expected a" in refusal(**{name: True})[0]
    assert getattr(SpeechRequest.parse({"text": "Hi", name: "1"}), name) == 1


def test_true_is_no_number_of_a_cue_either():
    assert "cues.max_cps: True is not accepted; expected a number from 1 to 100" in refusal(cues={"max_cps": True})[0]


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_what_no_database_or_file_can_hold_is_no_text(text):
    (told,) = refusal(text=text)
    assert told.startswith("text: character 2 is U+")
    told.encode()


def test_the_signature_in_a_voice_url_is_not_repeated_in_the_refusal():
    assert "SECRET" not in refusal(local_voice="http://x.org/a.wav?sig=SECRET")[0]


def test_any_letter_case_and_the_alias_compact_are_understood():
    request = SpeechRequest.parse(
        {"text": "x", "timing_method": "Google", "timing_format": "COMPACT", "language": "EN"}
    )
    assert (request.timing_method, request.timing_format, request.language) == ("google", "csv", "en")


def test_the_wanted_format_is_always_among_the_files():
    assert SpeechRequest.parse({"text": "x", "timing_format": "ass", "timing_formats": ["vtt"]}).formats == (
        "vtt",
        "ass",
    )


def test_an_unknown_field_suggests_the_nearest():
    assert refusal(sped=1.0) == ["sped: unknown field; did you mean 'speed'?"]
    assert "known fields: text" in refusal(zzz=1)[0]


def test_an_unknown_language_suggests_the_nearest():
    assert "for German that is de" in refusal(language="german")[0]


def test_all_problems_are_reported_together():
    found = refusal(text="", speed=9, sample_rate=8000, voice="x", timing_format="doc")
    assert [text.split(":")[0] for text in found] == [
        "Text input is required", "speed", "timing_format", "sample_rate", "voice",
    ]  # fmt: skip


def test_what_a_request_may_name_is_what_there_is():
    hints = get_type_hints(SpeechRequest)

    def choices(name):
        parts = (hints[name], *get_args(hints[name]))
        return set(get_args(next(part for part in parts if get_origin(part) is Literal)))

    assert choices("preset") == set(RULES)
    assert choices("style") == set(STYLES)
    assert choices("karaoke") == set(KARAOKE)
    assert choices("audio_format") == set(AUDIO) == set(ENCODERS)
    assert set(FORMATS) == set(TIMINGS)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"karaoke": "kf"}, "sweep"), ({"karaoke": "K"}, "step"),
        ({"audio_format": "opus"}, "ogg"), ({"audio_format": "AAC"}, "m4a"),
    ],
)  # fmt: skip
def test_names_that_people_know_are_understood(given, kept):
    [name] = given
    assert getattr(SpeechRequest.parse({"text": "Hello."} | given), name) == kept


def test_problems_of_own_values_name_the_value_and_what_is_accepted():
    told = refusal(cues={"max_char": 40, "max_lines": 9, "gap": "x"})
    assert "cues.max_char: unknown field; did you mean 'max_chars'?" in told
    assert "cues.max_lines: 9 is not accepted; expected a whole number from 1 to 4" in told
    assert "cues.gap: 'x' is not accepted; expected a number from 0 to 2" in told


def test_every_field_has_help_for_the_form_in_the_ui():
    schema = SpeechRequest.model_json_schema()
    assert all("description" in field for field in schema["properties"].values())


def test_a_reply_leaves_out_what_was_not_asked_for_and_never_holds_an_error():
    reply = SpeechResult(
        job_id="j", text="t", seed=1, audio_url="u", duration=1.0, sample_rate=22050, warnings=["w"]
    ).reply()
    assert not {key for key in reply if key.startswith("timing") or key in ("error", "word_count", "preview_url")}
    assert reply["warnings"] == ["w"]


@pytest.mark.parametrize(
    ("duration", "page", "added"),
    [
        (3600.0, "https://b.example/p.html?sig=1", ""),
        (3600.5, "https://b.example/p.html?sig=1", "#audio=https%3A%2F%2Fb.example%2Fa.wav%3Fsig%3D2%26x%3D%252B"),
        (3600.5, "file:///p.html", ""),
    ],
)
def test_the_link_to_a_page_that_cannot_hold_its_recording_says_where_that_is(duration, page, added):
    reply = SpeechResult(
        job_id="j", text="t", seed=1, audio_url="https://b.example/a.wav?sig=2&x=%2B", duration=duration,
        sample_rate=22050, preview_url=page,
    ).reply()  # fmt: skip
    assert reply["preview_url"] == page + added


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("request", {f"x{number}": 1 for number in range(100_000)}),
        ("timing_formats", {"timing_formats": ["doc"] * 100_000}),
    ],
)
def test_of_very_much_that_is_wrong_only_the_number_is_told(field, more):
    with pytest.raises(InvalidRequest, match=rf"^{field}: it holds \d+ items; at most 100 are accepted$"):
        SpeechRequest.parse({"text": "Hi"} | more)


@pytest.mark.parametrize("name", sorted(set(SpeechRequest.model_fields) - {"text"}))
def test_null_means_the_default_of_an_optional_field(name):
    request = SpeechRequest.parse({"text": "Hi.", name: None})
    assert request == SpeechRequest.parse({"text": "Hi."})
    assert name not in request.model_fields_set


def test_null_within_a_field_means_its_default_too():
    given = {"text": "Hi.", "pauses": {"scene": None, "voice": 1}, "cues": {"max_chars": None}}
    request = SpeechRequest.parse(given)
    assert (request.pauses.scene, request.pauses.voice) == (1.5, 1)
    assert request.presentation()["own"] == {}


def test_null_hides_neither_an_unknown_field_nor_a_missing_text():
    with pytest.raises(InvalidRequest) as raised:
        SpeechRequest.parse({"text": None, "spead": None})
    assert sorted(map(str, raised.value.problems)) == [
        "Text input is required", "spead: unknown field; did you mean 'speed'?",
    ]  # fmt: skip
