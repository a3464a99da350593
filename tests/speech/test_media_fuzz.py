"""Media files as chance makes them: they are read or refused, in little time and memory, and nothing else happens."""

import json
import subprocess
import sys

import pytest

from tests.mutations import KINDS, write_seeds

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    write_seeds(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_chance_changed_is_read_or_refused(kind, seeds):
    check(kind, seeds, 40)


def test_bombs_take_little_time_and_memory(seeds):
    check("bombs", seeds, 120)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_files_that_chance_changed_are_read_or_refused(kind, seeds):
    check(kind, seeds, 2_000)


def check(kind, seeds, number):
    # A process of its own, so that its memory is that of the door.
    command = [sys.executable, "-m", "tests.mutations", seeds, kind, str(number)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    print(told)
    assert told["wrong"] == []
    assert told["left"] == []
    assert told["read"] + told["refused"] == number
    assert told["worst_seconds"] < 20
    assert max(told["megabytes"], told["megabytes_of_ffmpeg"]) < 500
