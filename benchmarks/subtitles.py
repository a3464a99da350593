"""Subtitles compared with those of other tools for the same words: broken rules, and time.

    uv run --all-extras --group dev python -m benchmarks.subtitles

Eight books of the tests (28,000 words) are timed at a speaker's pace, 14 letters a second with pauses. The
same words go to f5-flows, to stable-ts with its own regrouping and with `split_by_length`, and to WhisperX's
SRT writer with the limits that it supports. Independent code (`broken`) parses each SRT file and counts
violations of Netflix's rules. WhisperX is the component of the tests (`python -m tests` installs it);
stable-ts is installed into a temporary folder.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import srt

from speech.outputs import TIMINGS
from speech.subtitles import make, render
from speech.subtitles.rules import Rules, rules_for
from speech.words import Word
from tests import RUNTIME
from tests.scripts import BOOKS
from tests.speech.subtitles.test_cues import paced

STABLE_TS = ("stable-ts-whisperless==2.19.1", "tqdm")
LANGUAGES = tuple(language for language in BOOKS if language != "zh")
PACE = {"per_character": 70, "pause": 250}
Maker = Callable[[Sequence[Word], str], str]


def ours(words: Sequence[Word], language: str) -> str:
    made = make(words, text="", language=language, duration_ms=words[-1].end, method="", job_id="")
    return render(made, "srt")


def stable_ts(words: Sequence[Word], language: str, *, limited: bool) -> str:
    import stable_whisper

    result = stable_whisper.WhisperResult({"language": language, "segments": segments(words, "probability", " ")})
    result.regroup()
    if limited:
        result.split_by_length(max_chars=42)
    text: str = result.to_srt_vtt(None, segment_level=True, word_level=False, strip=True)
    return text


def whisperx(words: Sequence[Word], language: str) -> str:
    from whisperx.utils import WriteSRT

    out = io.StringIO()
    options = {"max_line_width": 42, "max_line_count": 2, "highlight_words": False}
    WriteSRT(".").write_result({"language": language, "segments": segments(words, "score", "")}, out, options)
    return out.getvalue()


def segments(words: Sequence[Word], score: str, blank: str) -> list[dict[str, Any]]:
    """Return the words as sentences, in the form that both tools get from a transcript."""
    made: list[dict[str, Any]] = []
    sentence: list[Word] = []
    for word in words:
        sentence.append(word)
        if word.text[-1] in ".?!…" or word is words[-1]:
            entries = [
                {"word": blank + part.text, "start": part.start / 1000, "end": part.end / 1000, score: 0.9}
                for part in sentence
            ]
            times = {"start": sentence[0].start / 1000, "end": sentence[-1].end / 1000}
            made.append({**times, "text": " ".join(part.text for part in sentence), "words": entries})
            sentence = []
    return made


def broken(text: str, rules: Rules) -> dict[str, int]:
    """Count how often each rule is broken in an SRT file."""
    cues = [cue for cue in srt.parse(text) if cue.content.strip()]
    found = dict.fromkeys(("line", "lines", "speed", "short", "long", "gap"), 0)
    for cue, following in zip(cues, [*cues[1:], None], strict=True):
        lines = cue.content.split("\n")
        length = (cue.end - cue.start).total_seconds()
        found["line"] += max(map(len, lines)) > rules.max_chars
        found["lines"] += len(lines) > rules.max_lines
        found["speed"] += sum(map(len, lines)) > (rules.max_cps or 1e9) * length * 1.0001
        found["short"] += length * 1000 < rules.min_ms
        found["long"] += length * 1000 > rules.max_ms
        found["gap"] += following is not None and (following.start - cue.end).total_seconds() * 1000 < rules.gap_ms
    return found


def compare(name: str, maker: Maker, spoken: dict[str, list[Word]]) -> None:
    """Make subtitles in every language with one tool, and print the broken rules per 1,000 words and the time."""
    total: dict[str, int] = {}
    seconds, count = 0.0, sum(map(len, spoken.values()))
    for language, words in spoken.items():
        began = time.perf_counter()
        text = maker(words, language)
        seconds += time.perf_counter() - began
        for rule, number in broken(text, rules_for("netflix", language)).items():
            total[rule] = total.get(rule, 0) + number
    rates = ", ".join(f"{rule} {1000 * number / count:.1f}" for rule, number in total.items())
    print(
        f"{name:<28} {1000 * sum(total.values()) / count:6.1f} per 1,000 words ({rates}), {seconds:.2f} s", flush=True
    )


def hour() -> None:
    """Time an hour of words in every format, after each format has been written once to warm up."""
    first = make(paced("Hello there."), text="", language="en", duration_ms=2000, method="", job_id="")
    for name in TIMINGS:
        render(first, name)
    words = paced(" ".join([BOOKS["en"]] * 4), **PACE)
    words = [word for word in words if word.end < 3_600_000]
    began = time.perf_counter()
    made = make(words, text="", language="en", duration_ms=3_600_000, method="", job_id="")
    built = time.perf_counter()
    for name in TIMINGS:
        render(made, name)
    ended = time.perf_counter()
    print(
        f"an hour, {len(words)} words: {ended - began:.2f} s in all, {built - began:.2f} s of them for "
        f"{len(made.cues)} cues, {ended - built:.2f} s for {len(TIMINGS)} formats"
    )


def main() -> None:
    spoken = {language: paced(BOOKS[language], language, **PACE) for language in LANGUAGES}
    print(f"{sum(map(len, spoken.values()))} words in {len(spoken)} languages")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "uv",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--target",
            folder,
            "--python",
            sys.executable,
            *STABLE_TS,
        ]
        subprocess.run(command, check=True)
        installed = [path for path in RUNTIME.glob("*-*") if path.is_dir()]
        sys.path += [folder, *map(str, installed)]
        hour()
        compare("f5-flows, netflix", ours, spoken)
        compare("stable-ts, its regrouping", lambda words, language: stable_ts(words, language, limited=False), spoken)
        compare("stable-ts, 42 characters", lambda words, language: stable_ts(words, language, limited=True), spoken)
        compare("WhisperX, 42 characters", whisperx, spoken)


if __name__ == "__main__":
    main()
