"""Small books that sound like something: bursts of noise for words."""

import numpy as np
import soundfile

from speech.books.layout import ChapterLayout, TakeSound, audible
from speech.books.timeline import Metadata, TimedChapter, TimedPassage, Timeline, sentences
from speech.words import Word

RATE = 24_000
CLICK = 120


def take(folder, key, text, voice="anna", level=0.1, rate=RATE):
    """Speak a text: a fifth of a second of noise for each word, after a click."""
    rng = np.random.default_rng(sum(map(ord, key)))
    tokens, length, burst = text.split(), rate // 4, rate // 5
    samples = np.zeros(length * len(tokens) + rate // 10, np.float32)
    words = []
    for number, token in enumerate(tokens):
        first = rate // 20 + number * length
        samples[first : first + burst] = rng.normal(0, level, burst)
        words.append(Word(token, first * 1000 // rate, (first + burst) * 1000 // rate))
    samples = np.clip(samples, -0.9, 0.9)
    samples[rate // 20 : rate // 20 + CLICK] = 0.95 * np.sin(np.arange(CLICK) * 2 * np.pi / 12) * np.hanning(CLICK)
    soundfile.write(folder / f"{key}.flac", samples, rate, subtype="PCM_16")
    return TakeSound(key, voice, len(samples), audible(samples), tuple(words))


def chapter(folder, number, passages, voices=("anna",), levels=(0.1,), rate=RATE, title=None, href=None, **values):
    """Lay out a chapter of passages, each a kind and a text, spoken by the voices in turn."""
    layout, timed = ChapterLayout(rate), []
    for index, (kind, text) in enumerate(passages):
        if not text:
            timed.append(TimedPassage(f"{number}-{index}", kind))
            continue
        speaker = index % len(voices)
        own = take(folder, f"c{number}p{index}", text, voices[speaker], levels[speaker % len(levels)], rate)
        words = layout.add(own, 600)
        timed.append(
            TimedPassage(f"{number}-{index}", kind, sentences(words, "en"), level=int(kind == "heading"), href=href)
        )
    takes, length = layout.finish()
    return TimedChapter(title or f"Chapter {number}", length, takes, tuple(timed), **values)


def book(folder, chapters=2, rate=RATE, metadata=None, **values):
    """Return a timeline, and where its takes are."""
    text = (
        ("heading", "A chapter"),
        ("paragraph", "It was late. Who knocked at the door then?"),
        ("paragraph", "Nobody."),
    )
    made = tuple(chapter(folder, number, text, rate=rate, **values) for number in range(1, chapters + 1))
    return Timeline(metadata or Metadata("A Night"), rate, made), lambda key: folder / f"{key}.flac"
