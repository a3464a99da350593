"""Sampling with F5-TTS: chunks of similar length in batches, each equal to what the official code makes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech.audio import Samples
from speech.errors import EngineError
from speech.settings import settings
from speech.voices import Reference

if TYPE_CHECKING:
    import torch

__all__ = ["RATE", "Loaded", "Piece", "Prompt", "as_sentence", "batches", "plan_piece", "read_prompt", "sample"]

RATE = 24_000
_HOP = 256
_LOUDNESS = 0.1
# The official code slows down chunks of fewer bytes than this, since the model rushes them.
_SHORT_BYTES, _SHORT_SPEED = 10, 0.3

# Shortest chunk of a batch as a share of the longest; shorter chunks are padded.
_MIN_RATIO = 0.75
_MAX_BATCH = 32
# Memory needed per frame of a chunk during sampling, a high estimate; a batch that does not fit is halved.
_BYTES_PER_FRAME = 400_000


@dataclass(frozen=True)
class Loaded:
    """The models on a device, kept from one request to the next, and whether flash-attn can be used."""

    model: Any
    vocoder: Any
    device: str
    flash: bool = False


@dataclass(frozen=True)
class Prompt:
    """The reference in the form that the model takes.

    Attributes:
        audio: (1, n) samples at 24 kHz, amplified if the reference was too quiet.
        quiet: loudness (RMS) of the reference if it was amplified, else None.
        text: the transcript, ending with a space so that words do not run together.
    """

    audio: torch.Tensor
    quiet: torch.Tensor | None
    text: str

    @property
    def frames(self) -> int:
        return int(self.audio.shape[-1]) // _HOP


@dataclass(frozen=True)
class Piece:
    """One chunk: its index, its symbols, and its length in frames; the last two include the reference."""

    index: int
    symbols: list[str]
    frames: int


def read_prompt(reference: Reference, device: str) -> Prompt:
    import soundfile
    import torch
    import torchaudio

    data, rate = soundfile.read(reference.path, dtype="float32", always_2d=True)
    audio = torch.from_numpy(data.T.copy())
    if audio.shape[0] > 1:
        audio = torch.mean(audio, dim=0, keepdim=True)
    loudness = torch.sqrt(torch.mean(torch.square(audio)))
    if not loudness:
        raise EngineError("The reference recording is silent.")
    quiet = loudness if loudness < _LOUDNESS else None
    if quiet is not None:
        audio = audio * _LOUDNESS / quiet
    if rate != RATE:
        audio = torchaudio.transforms.Resample(rate, RATE)(audio)
    return Prompt(audio.to(device), None if quiet is None else quiet.to(device), as_sentence(reference.text))


def as_sentence(text: str) -> str:
    """End a transcript as the official code does: with a full stop and two spaces, or with a Chinese full stop.

    >>> as_sentence("Good day")
    'Good day.  '
    """
    if not text.endswith((". ", "。")):
        text += " " if text.endswith(".") else ". "
    return text if text.endswith("。") else text + " "


def plan_piece(index: int, chunk: str, speed: float, prompt: Prompt) -> Piece:
    """Prepare a chunk; as in the official code, it gets as many frames per byte as the reference has."""
    from f5_tts.model.utils import convert_char_to_pinyin

    size = len(chunk.encode())
    pace = _SHORT_SPEED if size < _SHORT_BYTES else speed
    [symbols] = convert_char_to_pinyin([prompt.text + chunk])
    frames = prompt.frames + int(prompt.frames / len(prompt.text.encode()) * size / pace)
    return Piece(index, symbols, max(frames, len(symbols) + 1, prompt.frames + 1))


def batches(pieces: Sequence[Piece], loaded: Loaded) -> Iterator[list[Piece]]:
    """Yield the pieces in batches of similar length that fit the memory; one by one on a CPU, which gains nothing."""
    if not loaded.device.startswith("cuda"):
        yield from ([piece] for piece in pieces)
        return
    import torch

    # All lengths include the reference, so the ratios are closer to 1 than those of the chunks alone.
    batch: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: -piece.frames):
        room = torch.cuda.mem_get_info()[0] * 0.8 // (_BYTES_PER_FRAME * (batch or [piece])[0].frames)
        if batch and (piece.frames < batch[0].frames * _MIN_RATIO or len(batch) >= min(max(room, 1), _MAX_BATCH)):
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def sample(batch: Sequence[Piece], prompt: Prompt, loaded: Loaded, steps: int, seed: int) -> list[Samples]:
    """Sample mel spectrograms with the official sampler, and decode them with the vocoder."""
    import torch

    values = settings()
    mixed = len({piece.frames for piece in batch}) > 1
    for block in loaded.model.transformer.transformer_blocks:
        block.attn.processor.attn_mask_enabled = mixed
        block.attn.processor.attn_backend = "flash_attn" if mixed and loaded.flash else "torch"
    try:
        with torch.inference_mode(), _autocast(loaded.device):
            mels, _ = loaded.model.sample(
                cond=prompt.audio.expand(len(batch), -1),
                text=[piece.symbols for piece in batch],
                duration=torch.tensor([piece.frames for piece in batch], device=loaded.device),
                steps=steps,
                cfg_strength=values.cfg_strength,
                sway_sampling_coef=values.sway_sampling_coef,
                seed=seed,
            )
            return [_decode(mels[row, : piece.frames], prompt, loaded) for row, piece in enumerate(batch)]
    except torch.cuda.OutOfMemoryError:
        loaded.model.transformer.clear_cache()
        torch.cuda.empty_cache()
        if len(batch) == 1:
            raise
    half = len(batch) // 2
    return [samples for part in (batch[:half], batch[half:]) for samples in sample(part, prompt, loaded, steps, seed)]


def _autocast(device: str) -> contextlib.AbstractContextManager[Any]:
    """Return the autocast context for F5_DTYPE.

    bfloat16 is used only inside the network: it cannot tell the sampler's steps apart.
    """
    import torch

    if settings().f5_dtype != "bfloat16":
        return contextlib.nullcontext()
    context: contextlib.AbstractContextManager[Any] = torch.autocast(device.split(":")[0], dtype=torch.bfloat16)
    return context


def _decode(mel: torch.Tensor, prompt: Prompt, loaded: Loaded) -> Samples:
    """Decode a mel spectrogram without its reference part, at the loudness of the reference."""
    import torch

    speech = mel.to(torch.float32)[None, prompt.frames :, :].permute(0, 2, 1)
    audio = loaded.vocoder.decode(speech)
    if prompt.quiet is not None:
        audio = audio * prompt.quiet / _LOUDNESS
    samples: Samples = audio.squeeze().cpu().numpy()
    return samples
