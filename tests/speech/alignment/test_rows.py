"""Rows are kept on disk where they are many, and read again as they were."""

import tracemalloc

import numpy as np

from speech.alignment.rows import Rows, Window


def test_rows_are_read_as_they_were_appended():
    table = np.random.default_rng(0).normal(size=(5_000, 3)).astype(np.float32)
    with Rows(3) as rows:
        for first in range(0, 5_000, 700):
            rows.append(table[first : first + 700])
        assert len(rows) == 5_000
        for first, last in ((0, 1), (699, 702), (4_000, 5_000), (17, 17)):
            np.testing.assert_array_equal(rows(first, last), table[first:last])


def test_many_rows_take_no_memory():
    block = np.ones((10_000, 13), np.float32)
    tracemalloc.start()
    with Rows(13) as rows:
        for number in range(200):
            rows.append(block * number)
        assert rows(1_990_000, 2_000_000).mean() == 199
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # They are 104 MB.
    assert peak < 40e6


def test_a_window_reads_each_row_once():
    table, asked = np.arange(20_000, dtype=np.float32).reshape(-1, 2), []

    def read(first, last):
        asked.append((first, last))
        return table[first:last]

    window = Window(read, len(table))
    for first in range(0, 9_900, 64):
        np.testing.assert_array_equal(window(first, first + 100), table[first : first + 100])
    assert asked[0][0] == 0 and [last for _, last in asked[:-1]] == [first for first, _ in asked[1:]]
    # What lies between is not read.
    leap = Window(read, len(table))
    asked.clear()
    np.testing.assert_array_equal(leap(8_000, 8_010), table[8_000:8_010])
    assert asked[0][0] == 8_000
