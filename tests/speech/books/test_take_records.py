"""The records of takes, in a store in which others may write."""

import json

import pytest

from speech.books.take_store import TakeStore
from speech.errors import StoreError
from speech.stores.folder import FolderStore

KEY = "ab" * 20
RECORD = {"rate": 16000, "length": 10, "audible": [1, 9], "seed": 1, "tries": 1, "score": None, "problems": ["Short."]}


@pytest.mark.parametrize(
    "damage",
    [{"problems": [""]}, {"problems": [5]}, {"problems": "x"}, {"score": "high"}, {"rate": 0}, {"audible": [1]},
     {"length": -1}, {"level": "loud"}],
)  # fmt: skip
def test_a_record_that_is_damaged_is_refused(tmp_path, damage):
    store = FolderStore(tmp_path / "store")
    for record in (RECORD, RECORD | damage):
        store.write(f"takes/ab/{KEY}.json", json.dumps(record), "application/json")
        if record is RECORD:
            assert TakeStore(store).records([KEY])[0].audible == (1, 9)
    with pytest.raises(StoreError, match=r"The record of the take abab.* is damaged .*; delete takes/ab/"):
        TakeStore(store).records([KEY])
