"""The copy of a long recording that a page plays, and what lies where it would go."""

from dataclasses import replace

from deployments.cli.subtitles import _write, presentation_request
from speech.script import Passage
from tests.speech.preview.pages import spoken


def test_the_copy_of_a_long_recording_is_written_over_no_other_audio(tmp_path):
    subtitles, recording = spoken((Passage("paragraph", "Hello there."),), tmp_path)
    (tmp_path / "talk.mp3").write_bytes(b"the original")
    long, talk = replace(subtitles, duration_ms=3_601_000), tmp_path / "talk.aiff"
    for number in (2, 3):
        written = _write(
            long,
            recording,
            presentation_request({"timing_format": "srt", "timing_formats": ["srt"]}),
            tmp_path / "talk",
            (talk, []),
        )
        assert written[-1] == tmp_path / f"talk-{number}.mp3"
        assert f"talk-{number}.mp3" in (tmp_path / "talk.html").read_text()
    assert (tmp_path / "talk.mp3").read_bytes() == b"the original"
