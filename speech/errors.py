"""Every error that this project raises deliberately.

::

    SpeechError                  the root; its text is one sentence for people
    ├── InvalidRequest           the request is invalid: which field, its value, what is accepted
    ├── SettingsError            the environment or a block is invalid
    ├── AudioError               a recording cannot be read or written
    ├── VideoError               a video cannot be read or written
    ├── EngineError              synthesis failed
    │   └── EngineUnavailable    the engine cannot run here
    ├── AlignmentError           the words could not be timed
    │   └── AlignerUnavailable   the aligner cannot run here
    ├── FetchError               a URL named by a client cannot be fetched, or is not allowed
    ├── InstallError             a runtime component cannot be installed
    ├── ModelError               a model is not available
    │   └── DamagedModel         the model cache does not match its manifest
    ├── StoreError               a store failed permanently
    │   ├── KeyRefused           the key is invalid
    │   ├── NotFound             there is no such object
    │   ├── NotKept              a fetched object cannot be written to this machine
    │   ├── NotText              an object is not UTF-8 text
    │   ├── Denied               the credentials do not allow the operation
    │   ├── StoreFull            the store has no space left
    │   └── Unreachable          the store does not answer (transient)
    ├── RunPodError              RunPod refused a call
    │   ├── KeyNotAccepted       the API key is unknown or lacks permission
    │   ├── OutOfCredit          the account has no balance
    │   ├── NoCapacity           no machine of that kind is available
    │   ├── Gone                 there is no such job, pod or endpoint
    │   └── Busy                 RunPod does not answer, or asks to retry later (transient)
    └── ServerError              the Prefect server cannot be used

An error is *transient* if the same call may succeed a moment later; only transient errors are retried.
All of these errors survive pickling, which worker processes rely on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "AlignerUnavailable",
    "AlignmentError",
    "AudioError",
    "Busy",
    "DamagedModel",
    "Denied",
    "EngineError",
    "EngineUnavailable",
    "FetchError",
    "Gone",
    "InstallError",
    "InvalidRequest",
    "KeyNotAccepted",
    "KeyRefused",
    "ModelError",
    "NoCapacity",
    "NotFound",
    "NotKept",
    "NotText",
    "OutOfCredit",
    "Problem",
    "RunPodError",
    "ServerError",
    "SettingsError",
    "SpeechError",
    "StoreError",
    "StoreFull",
    "Unreachable",
    "VideoError",
    "message_of",
]


class SpeechError(Exception):
    """The root of the tree. `str()` of it is one sentence for people, and can be encoded as UTF-8."""

    transient = False

    def __init__(self, *parts: object) -> None:
        super().__init__(*(_encodable(part) if isinstance(part, str) else part for part in parts))


def message_of(fault: BaseException) -> str:
    """Return an exception's text for use within a sentence; only the type, if it was not raised deliberately.

    >>> message_of(KeyError("http://internal:4200"))
    'an unexpected fault (KeyError).'
    """
    ours = isinstance(fault, SpeechError) or (isinstance(fault, TimeoutError) and str(fault))
    return str(fault) if ours else f"an unexpected fault ({type(fault).__name__})."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request.

    >>> str(Problem("speed", "fast", "a number from 0.5 to 2.0"))
    "speed: 'fast' is not accepted; expected a number from 0.5 to 2.0"
    """

    field: str
    value: Any
    accepted: str
    message: str | None = None

    def __str__(self) -> str:
        if self.message is not None:
            return _encodable(self.message)
        return _encodable(f"{self.field}: {_format_value(self.value)} is not accepted; expected {self.accepted}")


def _encodable(text: str) -> str:
    """Escape the characters that UTF-8 cannot encode (halves of surrogate pairs)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _format_value(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        # Deeply nested lists, or an integer of thousands of digits.
        text = f"this {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


class InvalidRequest(SpeechError):
    """Invalid input, with all of its problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[InvalidRequest], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class SettingsError(SpeechError):
    """The environment or a block holds an invalid value."""


class AudioError(SpeechError):
    """A recording cannot be read or written."""


class VideoError(SpeechError):
    """A video cannot be read or written."""


class EngineError(SpeechError):
    """Synthesis failed."""


class EngineUnavailable(EngineError):
    """The engine cannot run here; the text says what is missing."""


class AlignmentError(SpeechError):
    """The words could not be timed."""


class AlignerUnavailable(AlignmentError):
    """The aligner cannot run here; the text says what is missing."""


class FetchError(SpeechError):
    """A URL named by a client cannot be fetched, or is not allowed."""


class InstallError(SpeechError):
    """A runtime component cannot be installed; the environment is unchanged."""


class ModelError(SpeechError):
    """A model is not available; the text says why."""


class DamagedModel(ModelError):
    """A file in the model cache does not match its manifest.

    Attributes:
        digest: the digest of the file according to the manifest.
    """

    def __init__(self, message: str, digest: str = "") -> None:
        self.digest = digest
        super().__init__(message)

    def __reduce__(self) -> tuple[type[DamagedModel], tuple[str, str]]:
        return type(self), (str(self), self.digest)


class StoreError(SpeechError):
    """A store failed in a way that a retry does not fix."""


class KeyRefused(StoreError):
    """A key would lead out of the store, or is not one that every store can hold."""


class NotFound(StoreError):
    """There is no such object."""


class NotKept(StoreError):
    """A fetched object cannot be written to this machine; `__cause__` is the operating system's error."""


class NotText(StoreError):
    """The object is not UTF-8 text."""


class Denied(StoreError):
    """The store refused these credentials."""


class StoreFull(StoreError):
    """The store has no space left."""


class Unreachable(StoreError):
    """The store does not answer, or answers that it cannot serve now."""

    transient = True


class RunPodError(SpeechError):
    """RunPod refused a call in a way that a retry does not fix."""


class KeyNotAccepted(RunPodError):
    """RunPod does not know the key, or the key lacks the permission."""


class OutOfCredit(RunPodError):
    """The account has no balance."""


class NoCapacity(RunPodError):
    """No machine of that kind is available."""


class Gone(RunPodError):
    """The job, pod or endpoint does not exist, or no longer exists."""


class Busy(RunPodError):
    """RunPod does not answer, or asks to retry later.

    Attributes:
        retry_after: the seconds to wait that RunPod asked for.
    """

    transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Busy], tuple[str, float | None]]:
        return type(self), (str(self), self.retry_after)


class ServerError(SpeechError):
    """The Prefect server could not be started, is not this project's, or cannot be used."""
