"""Models stay loaded from one use to the next, within one budget."""

import threading

import pytest

from speech.models import loaded
from tests import PATIENCE

MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def budget(monkeypatch):
    monkeypatch.setenv("MODELS_MEMORY_MB", "100")
    loaded.clear()
    yield
    loaded.clear()


def use(key, megabytes=40):
    """Use a model; a new object says that it was loaded."""
    return loaded.reuse(key, object, lambda model: megabytes * MEGABYTE)


def test_a_model_that_is_used_again_is_not_loaded_again():
    assert use("a") is use("a")


def test_the_least_recently_used_model_makes_room():
    a, b = use("a"), use("b")
    assert use("a") is a
    use("c")
    assert use("a") is a
    assert use("b") is not b


def test_a_model_larger_than_the_budget_is_kept_alone():
    a, large = use("a"), use("large", 500)
    assert use("large", 500) is large
    assert use("a") is not a


def test_a_model_that_could_not_be_loaded_is_tried_again():
    def fail():
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        loaded.reuse("a", fail, lambda model: 0)
    assert use("a") is use("a")


def test_two_threads_load_a_model_once_and_others_do_not_wait_for_it():
    begun, go_on, models = threading.Event(), threading.Event(), []

    def load():
        begun.set()
        assert go_on.wait(PATIENCE)
        return object()

    def work():
        models.append(loaded.reuse("a", load, lambda model: 0))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(PATIENCE)
    assert use("b") is use("b")
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert models[0] is models[1]
