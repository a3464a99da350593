"""Stores: voices, recordings, subtitles and records in a folder or a bucket, behind one protocol."""

from speech.stores.base import EXPIRES_IN, Entry, Store, Stray, exists
from speech.stores.keys import check_key, is_key

__all__ = ["EXPIRES_IN", "Entry", "Store", "Stray", "check_key", "exists", "is_key"]
