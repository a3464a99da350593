"""Voices: which names a client may give, and where a stored voice lies."""

from speech.voices.names import check_name, check_stored_name, redact_url
from speech.voices.voice import DEFAULT, Reference, Voice, find

__all__ = ["DEFAULT", "Reference", "Voice", "check_name", "check_stored_name", "find", "redact_url"]
