"""Sampling with F5-TTS: chunks in batches on a GPU, each equal to what the official code makes of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech.audio import Samples
from speech.errors import EngineError
from speech.settings import settings
from speech.voices import Reference

if TYPE_CHECKING:
    import torch

__all__ = [
    "RATE",
    "ChunkInput",
    "Loaded",
    "Prompt",
    "as_sentence",
    "batches",
    "plan_piece",
    "read_prompt",
    "room",
    "sample",
]

RATE = 24_000
_HOP = 256
_LOUDNESS = 0.1
# The official code slows down chunks of fewer bytes than this, since the model rushes them.
_SHORT_BYTES, _SHORT_SPEED = 10, 0.3

# Frames of a batch, references included: twenty chunks of full length. More are hardly faster (benchmarks/RESULTS.md).
_BATCH_FRAMES = 40_000
# Memory needed for each frame of a batch: 46,000 were measured. A batch that does not fit is halved.
_BYTES_PER_FRAME = 60_000

# Held during a sampling: the network keeps what belongs to it, all networks share PyTorch's random generator, and while
# one records a CUDA graph no other thread may use that generator or empty PyTorch's cache.
_turn = threading.Lock()


@dataclass(frozen=True)
class Loaded:
    """The models on a device, kept from one request to the next.

    Attributes:
        size: the bytes that their parameters take.
        batched: whether the network takes several chunks at once.
    """

    model: Any
    vocoder: Any
    device: str
    size: int
    batched: bool = False


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
class ChunkInput:
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


def plan_piece(index: int, chunk: str, speed: float, prompt: Prompt) -> ChunkInput:
    """Prepare a chunk; as in the official code, it gets as many frames per byte as the reference has."""
    from f5_tts.model.utils import convert_char_to_pinyin

    size = len(chunk.encode())
    pace = _SHORT_SPEED if size < _SHORT_BYTES else speed
    [symbols] = convert_char_to_pinyin([prompt.text + chunk])
    frames = prompt.frames + int(prompt.frames / len(prompt.text.encode()) * size / pace)
    return ChunkInput(index, symbols, max(frames, len(symbols) + 1, prompt.frames + 1))


def room(loaded: Loaded) -> int:
    """Return how many frames a batch may have; 0 where chunks are taken one by one."""
    if not loaded.batched:
        return 0
    import torch

    kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return min(_BATCH_FRAMES, int((torch.cuda.mem_get_info()[0] + kept) * 0.8 / _BYTES_PER_FRAME))


def batches(pieces: Sequence[ChunkInput], frames: int) -> Iterator[list[ChunkInput]]:
    """Yield the pieces in order, in as few batches of at most that many frames as possible, all of about one size."""
    total = sum(piece.frames for piece in pieces)
    size = total / math.ceil(total / frames) if frames else 0
    batch: list[ChunkInput] = []
    before, number = 0, 1
    for piece in pieces:
        taken = sum(other.frames for other in batch)
        # Measured from the first piece, or what the batches lack would remain for one more.
        if batch and (taken + piece.frames > frames or before + piece.frames / 2 > number * size):
            yield batch
            batch, number = [], number + 1
        batch.append(piece)
        before += piece.frames
    if batch:
        yield batch


def sample(batch: Sequence[ChunkInput], prompt: Prompt, loaded: Loaded, steps: int, seed: int) -> list[Samples]:
    """Sample mel spectrograms with the official sampler, and decode them with the vocoder."""
    import torch

    values = settings()
    try:
        with _turn, torch.inference_mode():
            try:
                mels, _ = loaded.model.sample(
                    cond=prompt.audio.expand(len(batch), -1),
                    text=[piece.symbols for piece in batch],
                    duration=torch.tensor([piece.frames for piece in batch], device=loaded.device),
                    steps=steps,
                    cfg_strength=values.cfg_strength,
                    sway_sampling_coef=values.sway_sampling_coef,
                    seed=seed,
                )
            finally:
                loaded.model.transformer.clear_cache()
            made = [_decode(mels[row, : piece.frames], prompt, loaded) for row, piece in enumerate(batch)]
            return [audio.cpu().numpy() for audio in made]
    except torch.cuda.OutOfMemoryError:
        if len(batch) == 1:
            raise
    with _turn:
        torch.cuda.empty_cache()
    half = len(batch) // 2
    return [samples for part in (batch[:half], batch[half:]) for samples in sample(part, prompt, loaded, steps, seed)]


def _decode(mel: torch.Tensor, prompt: Prompt, loaded: Loaded) -> torch.Tensor:
    """Decode a mel spectrogram without its reference part, at the loudness of the reference."""
    import torch

    speech = mel.to(torch.float32)[None, prompt.frames :, :].permute(0, 2, 1)
    audio = loaded.vocoder.decode(speech)
    if prompt.quiet is not None:
        audio = audio * prompt.quiet / _LOUDNESS
    decoded: torch.Tensor = audio.squeeze()
    return decoded
