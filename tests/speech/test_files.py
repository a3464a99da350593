"""Atomic writes."""

import pytest

from speech.files import write_text


@pytest.mark.parametrize("name", ["x" * 251 + ".srt", "ä" * 125 + "a.srt"])
def test_a_name_as_long_as_the_system_accepts_is_written(tmp_path, name):
    write_text(tmp_path / name, "Hello.")
    assert [path.name for path in tmp_path.iterdir()] == [name]
