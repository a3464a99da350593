"""WhisperX as an aligner: a wav2vec2 model scores letters, and the known script is aligned to the scores.

Nothing is transcribed. Each chunk is aligned separately inside its span, because the search takes time
quadratic in the length and its error grows with the length. Numbers are aligned in their spoken form.
If the spans are unknown, the embedded aligner estimates them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import regex

from speech.alignment.bias import NONE, Bias, measure
from speech.alignment.ctc import Located, Scores, locate
from speech.audio import Recording, Samples, Span, blocks
from speech.errors import AlignerUnavailable, AlignmentError, ModelError, SpeechError
from speech.files import write_text
from speech.models import Local, aligner, choose, find, loading
from speech.models.config import check_config
from speech.models.loaded import parameter_bytes, reuse
from speech.text import Chunk, Token
from speech.words import Word, place

__all__ = ["WhisperX"]

RATE = 16_000

# A wav2vec2 model reads a window of 25 ms, in samples, every 20 ms.
_WINDOW, _FRAME_MS = 400, 20

# Languages without spaces between words: each character is timed.
_SPACELESS = ("ja", "zh")

# A recording of one chunk without spans is aligned as a whole up to this length.
_WHOLE_SECONDS = 30
# Audio included before and after a chunk whose span is only an estimate.
_MARGIN_MS = 300

_JOINTS = regex.compile(r"[-‐‑–—/]")
_MARK = regex.compile(r"\p{M}")

_Part = tuple[int, str]
"""The index of a token, and a word of it in the form that is aligned."""


class WhisperX:
    """The WhisperX aligner (see the module's docstring); implements `speech.alignment.Aligner`."""

    name = "whisperx"
    doubtful = 0.45
    cost_usd = 0.0
    by_spans = True

    def align(self, recording: Recording, chunks: Sequence[Chunk], language: str) -> list[Word]:
        with _translated_errors():
            model = load(language)
            samples = np.concatenate(list(blocks(recording.path, RATE)))
            tokens = [token for chunk in chunks for token in chunk.tokens]
            spans: list[Span | None] = []
            scores: list[float] = []
            for chunk, (first, last) in zip(chunks, _chunk_spans(recording, chunks, language), strict=True):
                excerpt = samples[first * RATE // 1000 : last * RATE // 1000]
                chunk_spans, confidences = _chunk(chunk.tokens, excerpt, first, model, language)
                spans += chunk_spans
                scores += confidences
        if not any(spans):
            raise AlignmentError("none of the words could be placed.")
        return place(tokens, spans, scores, recording.duration_ms)


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded alignment model.

    Attributes:
        network, metadata: what whisperx's loader returns and its `align` takes.
        size: bytes of its parameters.
        bias: how late it places words; subtracted from its times.
    """

    network: Any
    metadata: dict[str, Any]
    device: str
    size: int
    bias: Bias = NONE


def load(language: str) -> Model:
    """Return the alignment model of a language, loading it if needed.

    Raises:
        AlignerUnavailable: whisperx or the model is not installed here.
    """
    from speech.runtime import check, use

    state = check("whisperx")
    if state.level != "ready":
        raise AlignerUnavailable(f"{state.sentence} Run: f5-flows runtime install whisperx")
    use(state)
    location = choose()
    local = find(aligner(language), location)
    if local is None:
        raise AlignerUnavailable(
            f"its model for {language!r} is not here; run: f5-flows models sync {aligner(language)}"
        )
    return reuse(local.state, lambda: _load(local, language, location.root), lambda model: model.size)


def _load(local: Local, language: str, root: Path) -> Model:
    import torch

    from speech.alignment.whisperx_library import load_align_model

    device = "cuda" if torch.cuda.is_available() else "cpu"
    # A folder with a configuration is a Hugging Face model; without one it is a model of torchaudio's.
    if local.file("config.json"):
        check_config(local.folder)
    source = {"model_name": str(local.folder)} if local.file("config.json") else {"model_dir": str(local.folder)}
    with loading(local.name):
        try:
            network, metadata = load_align_model(language, device, **source, model_cache_only=True)
        except ValueError as fault:
            # whisperx prints the cause, and raises that the model could not be found.
            raise fault.__context__ or fault from None
    size = parameter_bytes(network)
    uncorrected = Model(network, metadata, device, size)
    return Model(network, metadata, device, size, _bias(uncorrected, local, language, root))


def _bias(model: Model, local: Local, language: str, root: Path) -> Bias:
    """Return the model's bias, from the file of an earlier measurement if there is one."""
    saved = root / ".f5-flows" / "bias" / f"{local.name.replace('/', '-')}-{_fingerprint(local)}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        return Bias(**json.loads(saved.read_text(encoding="utf-8")))
    bias = measure(lambda chunk, samples: _chunk(chunk.tokens, samples, 0, model, language)[0], language)
    with contextlib.suppress(OSError):
        write_text(saved, json.dumps({"onset_ms": bias.onset_ms, "offset_ms": bias.offset_ms}))
    return bias


def _fingerprint(local: Local) -> str:
    from speech.models.manifest import digest

    return digest(json.dumps([[path.name, path.stat().st_size] for path in local.files]).encode())[:12]


def _chunk_spans(recording: Recording, chunks: Sequence[Chunk], language: str) -> Sequence[Span]:
    """Return the span in which each chunk is heard, in milliseconds."""
    if recording.spans_ms:
        return recording.spans_ms
    if recording.duration_ms <= _WHOLE_SECONDS * 1000 and len(chunks) == 1:
        return [(0, recording.duration_ms)]
    from speech.alignment.embedded import Embedded

    words = Embedded().align(recording, chunks, language)
    rough: list[Span] = []
    at = 0
    for chunk in chunks:
        chunk_words = words[at : at + len(chunk.tokens)]
        at += len(chunk.tokens)
        rough.append((chunk_words[0].start, chunk_words[-1].end))
    # Widen each span, but not into its neighbours' speech or beyond the recording.
    before = [0, *(end for _, end in rough[:-1])]
    after = [*(start for start, _ in rough[1:]), recording.duration_ms]
    return [
        (max(start - _MARGIN_MS, (start + left) // 2), min(end + _MARGIN_MS, (end + right + 1) // 2))
        for (start, end), left, right in zip(rough, before, after, strict=True)
    ]


def _chunk(
    tokens: Sequence[Token], samples: Samples, offset_ms: int, model: Model, language: str
) -> tuple[list[Span | None], list[float]]:
    """Return the tokens' spans in milliseconds from the start of the recording, and their confidences."""
    spans: list[Span | None] = [None] * len(tokens)
    confidences: list[list[float]] = [[] for _ in tokens]
    parts = list(_parts(tokens, model, language))
    for (index, _), word in zip(parts, _words([word for _, word in parts], samples, model), strict=False):
        start = max(round(word.first * _FRAME_MS - model.bias.onset_ms), 0) + offset_ms
        end = max(round(word.end * _FRAME_MS - model.bias.offset_ms), 0) + offset_ms
        span = spans[index]
        spans[index] = (span[0] if span else start, max(end, start))
        confidences[index].append(word.score)
    return spans, [sum(scores) / len(scores) if scores else 0.0 for scores in confidences]


def _parts(tokens: Sequence[Token], model: Model, language: str) -> Iterator[_Part]:
    """Yield the spoken words, without punctuation, which whisperx would treat as a wildcard."""
    letters = model.metadata["dictionary"]
    for index, token in enumerate(tokens):
        text = _JOINTS.sub(" ", token.spoken)
        for word in text.split():
            normalized = "".join(
                character for character in word
                if character.isalnum() or _MARK.match(character) or (character.lower() in letters
                and character not in ".,;:!?|")
            )  # fmt: skip
            if not any(character.isalnum() for character in normalized):
                continue
            if language in _SPACELESS:
                yield from ((index, character) for character in normalized)
            else:
                yield index, normalized


def _words(words: Sequence[str], samples: Samples, model: Model) -> list[Located]:
    """Return where each word is heard; nothing if there are more letters than fit into the samples."""
    if not words or len(samples) < _WINDOW:
        return []
    dictionary = model.metadata["dictionary"]
    scores = _scores(samples, model)
    # The last of both names, as in whisperx.
    blank = next((code for name, code in reversed(dictionary.items()) if name in ("<pad>", "[pad]")), 0)
    # As in whisperx, a letter that the network does not know is whichever it is most sure of.
    unknown = scores.shape[1]
    scores = np.column_stack((scores, np.delete(scores, blank, axis=1).max(axis=1)))
    letters: list[int] = []
    ends: list[int] = []
    for number, word in enumerate(words):
        if number and "|" in dictionary and model.metadata["language"] not in _SPACELESS:
            letters.append(dictionary["|"])
        letters += [dictionary.get(letter.lower(), unknown) for letter in word]
        ends.append(len(letters))
    located = locate(scores, letters, blank)
    if located is None:
        return []
    groups = [located[end - len(word) : end] for end, word in zip(ends, words, strict=True)]
    return [Located(group[0].first, group[-1].end, sum(one.score for one in group) / len(group)) for group in groups]


def _scores(samples: Samples, model: Model) -> Scores:
    """Return the logarithms of the letters' probabilities, (frames, letters), one frame every 20 ms."""
    import torch

    waveform = torch.from_numpy(samples)[None].to(model.device)
    with torch.inference_mode():
        if model.metadata["type"] == "torchaudio":
            scores, _ = model.network(waveform)
        else:
            scores = model.network(waveform).logits
        logarithms: Scores = scores[0].float().log_softmax(-1).cpu().numpy()
    return logarithms


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise errors of models and libraries as `AlignerUnavailable` or `AlignmentError`."""
    try:
        yield
    except ModelError as fault:
        raise AlignerUnavailable(str(fault)) from None
    except SpeechError:
        raise
    except (ImportError, OSError) as fault:
        raise AlignerUnavailable(f"whisperx cannot be loaded ({type(fault).__name__}: {fault}).") from fault
    except (RuntimeError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as fault:
        reason = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
        raise AlignmentError(f"whisperx failed: {reason}") from fault
