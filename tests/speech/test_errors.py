"""The error tree."""

import inspect
import pickle

import pytest

from speech import errors
from speech.errors import Busy, InvalidRequest, Problem, SpeechError, Unreachable

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, SpeechError)]


def test_every_error_is_public_and_drawn_in_the_tree():
    for item in CLASSES:
        assert item.__name__ in errors.__all__
        assert item.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("item", CLASSES)
def test_errors_survive_the_way_between_processes(item):
    fault = item([Problem("a", 1, "b")]) if item is InvalidRequest else item("a sentence")
    again = pickle.loads(pickle.dumps(fault))
    assert type(again) is item
    assert str(again) == str(fault)


def test_only_who_does_not_answer_is_worth_another_try():
    assert [item for item in CLASSES if item.transient] == [Busy, Unreachable]


def test_a_long_value_is_cut_in_the_text():
    assert len(str(Problem("text", "x" * 1000, "less"))) < 150
