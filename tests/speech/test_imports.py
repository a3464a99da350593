"""Imports of large libraries without the parts that are never called."""

import sys
import threading

import pytest

from speech.imports import importing


def test_a_stand_in_is_there_for_the_time_of_the_import_alone():
    with importing({"plots": {"use": len}, "plots.draw": {}}):
        import plots
        from plots.draw import line

        assert plots.use("abc") == 3
    assert "plots" not in sys.modules and "plots.draw" not in sys.modules
    with pytest.raises(RuntimeError, match=r"plots\.draw\.line was left out"):
        line()


def test_a_module_that_is_imported_already_is_kept_and_given_back_as_it_was():
    import colorsys

    before = dict(colorsys.__dict__)
    with importing({"colorsys": {"hls_to_rgb": None, "new": 1}}):
        assert sys.modules["colorsys"] is colorsys
        assert colorsys.hls_to_rgb is None and colorsys.new == 1 and colorsys.rgb_to_hls
    assert colorsys.__dict__ == before


def test_a_module_that_must_not_be_imported_is_so_again_afterwards(monkeypatch):
    monkeypatch.setitem(sys.modules, "plots", None)
    with importing({"plots": {"use": len}}):
        import plots

        assert plots.use("abc") == 3
    assert sys.modules["plots"] is None


def test_an_import_that_fails_leaves_no_stand_in():
    with pytest.raises(ModuleNotFoundError, match="no_such_library"), importing({"plots": {}}):
        import no_such_library  # noqa: F401
    assert "plots" not in sys.modules


def test_another_thread_waits():
    inside, seen = threading.Event(), []

    def other():
        inside.wait()
        with importing():
            seen.append("plots" in sys.modules)

    thread = threading.Thread(target=other)
    thread.start()
    with importing({"plots": {}}):
        inside.set()
        thread.join(0.2)
        assert thread.is_alive()
    thread.join()
    assert seen == [False]
