"""Models: stored once in the bucket, and fetched to this machine in full or not at all."""

from speech.models.cache import FetchResult, cache_in, listing, obtain, push, sync
from speech.models.catalogue import TRANSCRIBER, VOCODER, aligner, f5
from speech.models.loading import loading
from speech.models.local import Local, adopt, find, fsync_model, verify
from speech.models.location import Location, announce, choose

__all__ = [
    "TRANSCRIBER",
    "VOCODER",
    "FetchResult",
    "Local",
    "Location",
    "adopt",
    "aligner",
    "announce",
    "cache_in",
    "choose",
    "f5",
    "find",
    "fsync_model",
    "listing",
    "loading",
    "obtain",
    "push",
    "sync",
    "verify",
]
