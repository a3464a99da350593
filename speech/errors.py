"""Every error that this project raises on purpose.

::

    SpeechError                  the root; its text is one sentence for a person
    ├── InvalidRequest           the request is wrong: what, the value seen, what is accepted
    ├── SettingsError            the environment or a block is wrong
    ├── AudioError               a recording that cannot be read or written
    ├── VideoError               a video that cannot be read or written
    ├── EngineError              synthesis failed
    │   └── EngineUnavailable    the engine cannot run here
    ├── AlignmentError           the words could not be timed
    │   └── AlignerUnavailable   the aligner cannot run here
    ├── FetchError               a URL that a client named cannot be fetched, or may not be
    ├── InstallError             a runtime component cannot be installed
    ├── ModelError               a model cannot be had
    │   └── DamagedModel         the model cache holds other bytes than its manifest says
    ├── StoreError               a store failed for good
    │   ├── KeyRefused           a key that would leave its place
    │   ├── NotFound             no such object
    │   ├── NotKept              what was fetched cannot be written here
    │   ├── NotText              an object that is no UTF-8 text
    │   ├── Denied               the credentials do not allow it
    │   ├── StoreFull            no room left
    │   └── Unreachable          the store does not answer; may pass
    ├── RunPodError              RunPod refused a call
    │   ├── KeyNotAccepted       it does not know the key
    │   ├── OutOfCredit          the account has no balance
    │   ├── NoCapacity           no machine of that kind is free
    │   ├── Gone                 no such job, pod or endpoint
    │   └── Busy                 it does not answer, or not now; may pass
    └── ServerError              the Prefect server cannot be used

An error is *transient* when the same call may succeed a moment later; only those are retried.
All of them survive pickling, which a worker process needs.
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
    "told",
]


class SpeechError(Exception):
    """The root of the tree; `str()` of it is one sentence for a person, which any log, reply or terminal can hold."""

    transient = False

    def __init__(self, *parts: object) -> None:
        super().__init__(*(_encodable(part) if isinstance(part, str) else part for part in parts))


def told(fault: BaseException) -> str:
    """A fault in the middle of a sentence for a person; of what was not raised on purpose only the kind.

    >>> told(KeyError("http://internal:4200"))
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
        return _encodable(f"{self.field}: {_shown(self.value)} is not accepted; expected {self.accepted}")


def _encodable(text: str) -> str:
    """The text with what UTF-8 cannot write (half of a surrogate pair) as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _shown(value: Any) -> str:
    try:
        shown = repr(value)
    except (RecursionError, ValueError):
        # Lists in lists in lists, or an integer of thousands of digits.
        shown = f"this {type(value).__name__}"
    return shown if len(shown) <= 80 else shown[:77] + "..."


class InvalidRequest(SpeechError):
    """Bad input, all of its problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[InvalidRequest], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class SettingsError(SpeechError):
    """The environment or a block holds something that cannot be used."""


class AudioError(SpeechError):
    """A recording that cannot be read or written."""


class VideoError(SpeechError):
    """A video that cannot be read or written."""


class EngineError(SpeechError):
    """Synthesis failed."""


class EngineUnavailable(EngineError):
    """The engine cannot run here; the text says what is missing."""


class AlignmentError(SpeechError):
    """The words could not be timed."""


class AlignerUnavailable(AlignmentError):
    """The aligner cannot run here; the text says what is missing."""


class FetchError(SpeechError):
    """A URL that a client named cannot be fetched, or may not be."""


class InstallError(SpeechError):
    """A runtime component cannot be installed; what was there is as it was."""


class ModelError(SpeechError):
    """A model cannot be had; the text says where it was sought."""


class DamagedModel(ModelError):
    """The model cache holds other bytes than its manifest says.

    Attributes:
        digest: of the file as it should be.
    """

    def __init__(self, message: str, digest: str = "") -> None:
        self.digest = digest
        super().__init__(message)

    def __reduce__(self) -> tuple[type[DamagedModel], tuple[str, str]]:
        return type(self), (str(self), self.digest)


class StoreError(SpeechError):
    """A store failed in a way that trying again does not mend."""


class KeyRefused(StoreError):
    """A key that would leave its place, or that no store can hold."""


class NotFound(StoreError):
    """There is no such object."""


class NotKept(StoreError):
    """What was fetched cannot be written to this machine; the cause is the system's fault."""


class NotText(StoreError):
    """The object is no UTF-8 text."""


class Denied(StoreError):
    """The store answered, and refused these credentials."""


class StoreFull(StoreError):
    """The store has no room left."""


class Unreachable(StoreError):
    """The store does not answer, or answers that it cannot serve now."""

    transient = True


class RunPodError(SpeechError):
    """RunPod refused a call in a way that trying again does not mend."""


class KeyNotAccepted(RunPodError):
    """RunPod does not know the key, or the key may not do this."""


class OutOfCredit(RunPodError):
    """The account has no balance."""


class NoCapacity(RunPodError):
    """No machine of that kind is free."""


class Gone(RunPodError):
    """There is no such job, pod or endpoint, or there is no more."""


class Busy(RunPodError):
    """RunPod does not answer, or asks to be called later.

    Attributes:
        retry_after: seconds that it asked for.
    """

    transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Busy], tuple[str, float | None]]:
        return type(self), (str(self), self.retry_after)


class ServerError(SpeechError):
    """The Prefect server could not be started, is not ours, or cannot be used."""
