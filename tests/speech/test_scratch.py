"""Folders for temporary files: one's own go with their process, whatever became of it."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from speech.errors import SettingsError
from speech.scratch import clear, scratch
from tests.conftest import small_disk

HOLDER = (
    "import sys, tempfile; from speech.scratch import scratch\n"
    "with scratch() as folder:\n"
    "    (folder / 'kept.wav').write_bytes(b'x'); print(folder, flush=True); sys.stdin.read()"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(place, monkeypatch):
    """A process that has a folder, and is at work."""
    monkeypatch.setenv("TMPDIR", str(place))
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.folder = Path(process.stdout.readline().strip())
    yield process
    process.kill()
    process.communicate()


def test_a_folder_goes_with_the_block_that_used_it(place):
    with scratch() as folder:
        (folder / "a").mkdir()
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(place.iterdir())


def test_a_thread_that_is_still_writing_when_the_block_ends_leaves_nothing(place):
    def write(folder):
        with suppress(OSError):
            for number in range(3000):
                (folder / f"{number}.wav").touch()

    for _ in range(20):
        with scratch() as folder:
            writer = Thread(target=write, args=[folder])
            writer.start()
            while not (folder / "9.wav").exists():
                pass
        writer.join()
    assert not list(place.iterdir())


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_uses_is_not(place, holder):
    assert clear() == []
    assert (holder.folder / "kept.wav").exists()
    holder.kill()
    holder.wait()
    assert clear() == [holder.folder]
    assert not list(place.iterdir())


@pytest.mark.parametrize("end", ["", "-ended"])
def test_what_a_process_left_that_was_killed_before_or_after_it_had_a_lock_is_cleared(place, end):
    folder = place / f"f5-flows-a_1b2c3d{end}"
    folder.mkdir()
    assert clear() == [folder]
    assert not list(place.iterdir())


def test_a_folder_that_was_cleared_before_it_had_a_lock_is_made_again(place):
    stop = False

    def sweep():
        while not stop:
            clear()

    sweeper = Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(200):
            with scratch() as folder:
                assert folder.stat().st_mode & 0o777 == 0o700
                (folder / "a").touch()
    finally:
        stop = True
        sweeper.join()


def test_what_others_made_is_left_alone(place):
    (place / "f5-flows-tests-1").mkdir()
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".lock").touch()
    (place / "f5-flows-link").symlink_to(elsewhere)
    assert clear() == []
    assert (elsewhere / ".lock").exists()


def test_a_place_without_room_is_named_with_what_to_do(place):
    disk = place / "disk"
    disk.mkdir()
    with small_disk(disk, "16k,nr_inodes=2"):
        (disk / "file").touch()
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SettingsError, match=r"disk.*set TMPDIR"):
            patch.setattr("tempfile.tempdir", str(disk))
            with scratch():
                pass
