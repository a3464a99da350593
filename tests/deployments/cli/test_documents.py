"""The files that commands read."""

import pytest

from deployments.cli.documents import read_cast
from speech.errors import InvalidRequest


def test_a_cast_that_is_nested_too_deeply_is_a_sentence(tmp_path):
    path = tmp_path / "cast.toml"
    path.write_text("a=" + "[" * 5000)
    with pytest.raises(InvalidRequest, match=r"--cast: .*cast.toml is (nested too deeply|not TOML)"):
        read_cast(path)
