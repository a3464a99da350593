"""Voices: the names that clients may use, and stored voices."""

from speech.voices.names import check_name, check_stored_name, redact_url
from speech.voices.voice import DEFAULT, Reference, Voice, find, names

__all__ = ["DEFAULT", "Reference", "Voice", "check_name", "check_stored_name", "find", "names", "redact_url"]
