"""Every pattern that meets a client's text takes time in proportion to it.

The patterns are found, not listed: each `re` or `regex` pattern that a module of `speech` keeps, and each that it
writes inline. A short text that is the worst for a pattern is searched for; then it is made ten times as long.
"""

import ast
import functools
import importlib
import itertools
import pkgutil
import random
import re
import time
from pathlib import Path

import pytest
import regex

import speech
from speech.script import directions
from speech.script.readers import subtitles

SHORT, LONG = 2_000, 20_000
# Ten times for a linear pattern, a hundred for a quadratic one.
MOST = 40
# Seconds below which a clock tells nothing; a quadratic pattern takes some 0.2 s at the least.
FLOOR = 0.06
# What runs in a process of its own, or needs a runtime component; neither has a pattern.
ALONE = {"espeak_worker", "f5_kernels", "f5_library", "f5_network", "f5_operations", "whisperx_library"}
METHODS = {"match", "fullmatch", "search", "sub", "findall", "finditer", "split"}
KINDS = (re.Pattern, regex.Pattern)
# One sign or more of each kind that classes in patterns tell apart.
SIGNS = "a1 .,-_/@$€%°'\"()[]{}<>&+=#!?:;\\\n~½²٣３Ⅷª好กא\u0301😀\u200d—「"


def patterns():
    """Name, pattern and method of every pattern in `speech`."""
    for found in pkgutil.walk_packages(speech.__path__, "speech."):
        if found.name.rpartition(".")[2] in ALONE:
            continue
        module = importlib.import_module(found.name)
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        calls = [
            node for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
        ]  # fmt: skip
        used = {}
        for call in calls:
            if isinstance(call.func.value, ast.Name):
                used.setdefault(call.func.value.id, set()).add(call.func.attr)
        for library in (re, regex):
            for method in used.get(library.__name__, ()):
                for call in calls:
                    if (
                        isinstance(call.func.value, ast.Name)
                        and (call.func.value.id, call.func.attr) == (library.__name__, method)
                        and call.args
                    ):
                        assert isinstance(call.args[0], ast.Constant), f"{found.name}:{call.lineno} builds a pattern"
                        yield f"{found.name}:{call.lineno}", library.compile(call.args[0].value), method
        own = {name for name, value in vars(module).items() if isinstance(value, KINDS)}
        elsewhere = set().union(*(methods for name, methods in used.items() if name not in own)) or METHODS
        # Texts are split too, and by far more often.
        elsewhere -= {"split"}
        for name, value in vars(module).items():
            for index, pattern in enumerate(kept(value)):
                for method in used.get(name, elsewhere if not isinstance(value, KINDS) else METHODS):
                    yield f"{found.name}.{name}{f'[{index}]' if index else ''}", pattern, method


def kept(value):
    """The patterns for texts in a value; those for bytes are for the heads of files, which are short."""
    if isinstance(value, KINDS):
        if isinstance(value.pattern, str):
            yield value
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(kept, value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from itertools.chain.from_iterable(map(kept, value))


def run(pattern, method, text):
    act = getattr(pattern, method)
    if method == "sub":
        act("", text)
    elif method == "finditer":
        list(act(text))
    else:
        act(text)


def seconds(pattern, method, text, times=3):
    best = float("inf")
    for _ in range(times):
        # Of this thread alone: another may still send the logs of an earlier test.
        begun = time.thread_time()
        run(pattern, method, text)
        best = min(best, time.thread_time() - begun)
    return best


def worst(pattern, method):
    """What is repeated, and what stands before and after it, where this pattern is slowest: the three worst."""
    own = [sign for sign in dict.fromkeys(pattern.pattern) if not sign.isspace()]
    signs = list(dict.fromkeys([*SIGNS, *own]))
    units = [*signs, *(left + right for left, right in itertools.product(signs, signs))]
    chosen = random.Random(1)
    shapes = [("", unit, end) for unit in signs for end in ("", "a")]
    shapes += [
        (chosen.choice(["", "5 a", "-", "<", *own]), chosen.choice(units), chosen.choice(signs)) for _ in range(100)
    ]
    cost = {
        shape: seconds(pattern, method, filled(shape, SHORT // 4), times=1) for shape in dict.fromkeys(shapes)
    }  # fmt: skip
    return sorted(cost, key=cost.__getitem__)[-3:]


def filled(shape, length):
    before, unit, after = shape
    room = length - len(before) - len(after)
    return before + (unit * (room // len(unit) + 1))[:room] + after


FOUND = sorted({(name, method): pattern for name, pattern, method in patterns()}.items(), key=lambda item: item[0])


@functools.cache
def ratio(pattern, method):
    most = 0.0
    for shape in reversed(worst(pattern, method)):
        long = seconds(pattern, method, filled(shape, LONG), times=1)
        if long > FLOOR:
            long = min(long, seconds(pattern, method, filled(shape, LONG), times=2))
        if long > FLOOR:
            most = max(most, long / max(seconds(pattern, method, filled(shape, SHORT)), FLOOR / 100))
        if most > MOST:
            break
    return most


@pytest.mark.service
@pytest.mark.parametrize(("place", "pattern"), FOUND, ids=[f"{name}-{method}" for (name, method), _ in FOUND])
def test_ten_times_the_text_takes_no_pattern_much_more_than_ten_times_as_long(place, pattern):
    assert ratio(pattern, place[1]) < MOST


def test_the_patterns_that_read_scripts_are_among_them():
    names = {name.split("[")[0] for (name, _), _ in FOUND}
    assert {
        "speech.language._SCRIPTS",
        "speech.phrases._NOT_FIRST",
        "speech.sentences.ends._MARK",
        "speech.spoken.abbreviations._CLOSE",
        "speech.spoken.parts._OPEN",
        "speech.spoken.rules._ORDINALS",
        "speech.text._TOKEN",
        "speech.subtitles.breaks._NAME",
    } <= names


@pytest.mark.parametrize(
    ("pattern", "method", "shape"),
    [
        (importlib.import_module("speech.script.readers.detect")._DOCTYPE, "match", ("<!doctype ", "a", "")),
        (subtitles._SOUND, "fullmatch", ("", "♪ ", "ab♪ab")),
        (directions._PAUSE, "match", ("[pause 1.1", " ", "")),
    ],
)
def test_what_a_pattern_begins_with_makes_it_no_slower(pattern, method, shape):
    assert seconds(pattern, method, filled(shape, LONG), times=1) < FLOOR


@pytest.mark.parametrize(
    ("pattern", "method"),
    [(regex.compile(r"^[^\w]*(?P<core>.*?)[^\w]*$", regex.DOTALL), "match"), (regex.compile(r"[,;]\p{P}*$"), "search")],
)
@pytest.mark.service
def test_a_quadratic_pattern_would_be_found(pattern, method):
    assert ratio(pattern, method) > MOST
