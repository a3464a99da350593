"""Google Speech-to-Text as an aligner: its transcript is matched to the known script.

Only the times of the transcribed words are used; they come in steps of 100 ms. The words are matched to
the script's spoken form by edit distance, so that a misheard word in the right place still provides its
time. Words that were not heard are interpolated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import regex
from pydantic import SecretStr

from speech.audio import Recording, Samples, blocks
from speech.errors import AlignerUnavailable, AlignmentError
from speech.settings import settings
from speech.spoken import spell
from speech.text import Chunk
from speech.words import Word, place

if TYPE_CHECKING:
    from google.cloud.speech_v1 import RecognizeResponse, SpeechClient

__all__ = ["Account", "Google", "ask", "check_account", "connect"]

RATE = 16_000

# A synchronous request may hold a minute of audio; longer audio is cut at the quietest moment near the end.
_LONGEST_SECONDS = 55
_CUT_WITHIN_SECONDS = 20
_HOP = RATE // 50

# Factor on Google's confidence for a word that was misheard in the right place.
_MISHEARD = 0.5

_PUNCTUATION = regex.compile(r"[^\w\s]|_")

_NO_CREDENTIALS = "there are no credentials; set GOOGLE_CREDENTIALS_JSON or GOOGLE_APPLICATION_CREDENTIALS."


@dataclass(frozen=True, slots=True)
class _RecognizedWord:
    """One word that Google heard, spelled out; its times are in milliseconds from the start of the recording."""

    text: str
    start: int
    end: int
    confidence: float


class Google:
    """The Google aligner (see the module's docstring); implements `speech.alignment.Aligner`."""

    name = "google"
    doubtful = 0.33
    by_spans = False

    def __init__(self, account: Account | None = None) -> None:
        self._account = account
        self.cost_usd = 0.0

    def align(self, recording: Recording, chunks: Sequence[Chunk], language: str) -> list[Word]:
        client = connect(self._account)
        recognized: list[_RecognizedWord] = []
        for piece, offset_ms in _pieces(recording):
            recognized += _words(_recognize(client, piece, language), offset_ms, language)
            # Each request is billed by the second, rounded up.
            self.cost_usd += -(-len(piece) // RATE) / 60 * settings().google_price_per_minute
        if not recognized:
            raise AlignmentError("Google heard no words.")
        return _spread_times(chunks, recognized, recording.duration_ms)


@dataclass(frozen=True, slots=True)
class Account:
    """A Google account.

    Attributes:
        key: the key file of a service account, as JSON.
        project: the project to bill; None for the account's own.
        endpoint: host of another endpoint; http://host:port is used without TLS.
    """

    key: SecretStr | None = None
    project: str | None = None
    endpoint: str | None = None


def check_account(key: SecretStr) -> None:
    """Check that a text is the JSON key of a service account.

    Raises:
        ValueError: it is not; the message contains no part of the text.
    """
    try:
        info = json.loads(key.get_secret_value())
        missing = [name for name in ("type", "project_id", "private_key", "client_email") if not info.get(name)]
    except (ValueError, AttributeError):
        raise ValueError("it is not the JSON of a service account's key") from None
    if missing:
        raise ValueError(f"the service account's key lacks {', '.join(missing)}")


def connect(account: Account | None = None) -> SpeechClient:
    """Create Google's client; this makes no network request.

    Args:
        account: None for the account that the environment describes.

    Raises:
        AlignerUnavailable: the client is not installed, or no usable credentials are set. The message
            contains no part of them.
    """
    account, values = account or Account(), settings()
    endpoint = account.endpoint or values.google_speech_endpoint
    described = endpoint or account.key or values.google_credentials_json or values.google_application_credentials
    try:
        # The client takes a third of a second to import, and most have no account.
        if not described and find_spec("google.cloud.speech_v1"):
            raise AlignerUnavailable(_NO_CREDENTIALS)
        from google.cloud.speech_v1 import SpeechClient
    except ImportError:
        raise AlignerUnavailable("google-cloud-speech is not installed; run: pip install 'f5-flows[google]'.") from None
    if endpoint and endpoint.startswith("http://"):
        import grpc
        from google.cloud.speech_v1.services.speech.transports import SpeechGrpcTransport

        channel = grpc.insecure_channel(endpoint.removeprefix("http://"))
        return SpeechClient(transport=SpeechGrpcTransport(channel=channel))
    options = {"api_endpoint": endpoint} if endpoint else None
    return SpeechClient(credentials=_credentials(account), client_options=options)


def ask(client: SpeechClient) -> None:
    """Check that Google answers, by sending a tenth of a second of silence.

    Raises:
        AlignmentError: it does not answer; the message says why.
    """
    _recognize(client, np.zeros(RATE // 10, np.float32), "en")


def _credentials(account: Account) -> Any:
    from google.oauth2.service_account import Credentials

    values = settings()
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    secret, file = account.key or values.google_credentials_json, values.google_application_credentials
    project = account.project or values.google_cloud_project
    try:
        if secret is not None:
            name = "The block" if account.key else "GOOGLE_CREDENTIALS_JSON"
            info = json.loads(secret.get_secret_value())
            credentials: Any = Credentials.from_service_account_info(info, scopes=scopes)  # type: ignore[no-untyped-call]
        elif file is not None:
            name = "GOOGLE_APPLICATION_CREDENTIALS"
            credentials = Credentials.from_service_account_file(str(file), scopes=scopes)  # type: ignore[no-untyped-call]
        else:
            raise AlignerUnavailable(_NO_CREDENTIALS)
    except FileNotFoundError:
        raise AlignerUnavailable(f"GOOGLE_APPLICATION_CREDENTIALS names {file}, which does not exist.") from None
    except (ValueError, OSError):
        raise AlignerUnavailable(f"{name} does not hold a service account's key as JSON.") from None
    return credentials.with_quota_project(project) if project else credentials


def _pieces(recording: Recording) -> Iterator[tuple[Samples, int]]:
    """Yield the recording in pieces of under a minute, cut where it is quiet, with each piece's start in ms."""
    longest, offset, rest = _LONGEST_SECONDS * RATE, 0, np.zeros(0, np.float32)
    for block in blocks(recording.path, RATE):
        rest = np.concatenate([rest, block])
        while len(rest) > longest:
            border = _quietest(rest, longest - _CUT_WITHIN_SECONDS * RATE, longest)
            yield rest[:border], offset * 1000 // RATE
            rest, offset = rest[border:], offset + border
    if len(rest):
        yield rest, offset * 1000 // RATE


def _quietest(samples: Samples, first: int, last: int) -> int:
    """Return the middle of the quietest fifth of a second."""
    energy = (samples[first:last].reshape(-1, _HOP) ** 2).mean(axis=1)
    smooth = np.convolve(energy, np.ones(10) / 10, mode="valid")
    return first + (int(smooth.argmin()) + 5) * _HOP


def _recognize(client: SpeechClient, samples: Samples, language: str) -> RecognizeResponse:
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type
    from google.cloud.speech_v1 import RecognitionAudio, RecognitionConfig

    config = RecognitionConfig(
        encoding=RecognitionConfig.AudioEncoding.LINEAR16,
        sample_rate_hertz=RATE,
        language_code=_bcp47(language),
        enable_word_time_offsets=True,
        enable_word_confidence=True,
    )
    audio = RecognitionAudio(content=(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    seconds = settings().request_timeout
    try:
        # By default the client retries for over an hour.
        retry = Retry(if_exception_type(exceptions.ServiceUnavailable), initial=0.2, timeout=seconds)
        return client.recognize(config=config, audio=audio, timeout=seconds, retry=retry)
    except (exceptions.Unauthenticated, exceptions.PermissionDenied):
        reason = "refused these credentials; check the service account's permissions and that the API is enabled."
    except exceptions.ResourceExhausted:
        reason = "has no quota left for this project."
    except (exceptions.DeadlineExceeded, exceptions.RetryError):
        reason = f"did not answer within {seconds:g} s."
    except exceptions.ServiceUnavailable:
        reason = "cannot be reached."
    except exceptions.GoogleAPICallError as fault:
        reason = f"answered {type(fault).__name__}."
    raise AlignmentError(f"Google {reason}") from None


def _bcp47(language: str) -> str:
    """Return the language tag that Google expects, with the likeliest region.

    >>> _bcp47("de")
    'de-DE'
    """
    from babel.core import get_global

    likely = get_global("likely_subtags").get(language)
    return f"{language}-{likely.split('_')[-1]}" if likely else language


def _words(response: RecognizeResponse, offset_ms: int, language: str) -> Iterator[_RecognizedWord]:
    """Yield the words of a response, spelled out; the parts of a word share its time equally."""
    for result in response.results:
        if not result.alternatives:
            continue
        best = result.alternatives[0]
        for word in best.words:
            start = offset_ms + round(word.start_time.total_seconds() * 1000)
            length = round((word.end_time - word.start_time).total_seconds() * 1000)
            parts = _normalize(spell([word.word], language)[0])
            confidence = word.confidence or best.confidence
            for index, part in enumerate(parts):
                begin, end = (start + length * position // len(parts) for position in (index, index + 1))
                yield _RecognizedWord(part, begin, end, confidence)


def _normalize(text: str) -> list[str]:
    return _PUNCTUATION.sub(" ", text.casefold()).split()


def _spread_times(chunks: Sequence[Chunk], recognized: Sequence[_RecognizedWord], duration_ms: int) -> list[Word]:
    """Return every token of the script, with the times of the words that were heard in its place."""
    from rapidfuzz.distance import Levenshtein

    tokens = [token for chunk in chunks for token in chunk.tokens]
    script = [(index, word) for index, token in enumerate(tokens) for word in _normalize(token.spoken)]
    spans: list[tuple[int, int] | None] = [None] * len(tokens)
    scores: list[list[float]] = [[] for _ in tokens]
    for step in Levenshtein.opcodes([word for _, word in script], [word.text for word in recognized]):
        if step.tag not in ("equal", "replace"):
            continue
        share = 1.0 if step.tag == "equal" else _MISHEARD
        for position, other in zip(
            range(step.src_start, step.src_end), range(step.dest_start, step.dest_end), strict=False
        ):
            index, match = script[position][0], recognized[other]
            span = spans[index]
            spans[index] = (span[0] if span else match.start, match.end)
            scores[index].append(share * match.confidence)
    means = [min(sum(score) / len(score), 1.0) if score else 0.0 for score in scores]
    return place(tokens, spans, means, duration_ms)
