"""F5-TTS: clones a voice from a few seconds of it (SWivid/F5-TTS; weights CC-BY-NC-4.0, English and Chinese).

Models are loaded, audio is prepared and mel spectrograms are sampled by the official code. Only the
loop over chunks is our own. The official one hands chunks to threads that share one random generator,
so it gives another result each time, and does not tell where a chunk begins; ours seeds each chunk,
gives each back by itself, and on a GPU sends chunks of like length through the model together. Each
chunk equals the official one sample for sample (tests/speech/engines/test_f5.py).
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.audio import Samples
from speech.engines import Progress, SynthesisOptions
from speech.engines.f5_config import architecture, check_vocabulary, check_vocoder
from speech.errors import EngineError, EngineUnavailable, ModelError
from speech.models import VOCODER, choose, f5, find, loading
from speech.settings import export, settings
from speech.voices import Reference

if TYPE_CHECKING:
    import torch

__all__ = ["F5", "load_seconds", "models"]

RATE = 24_000
_HOP = 256
_CROSS_FADE_SECONDS = 0.15
_LOUDNESS = 0.1
# Reference and speech together may last as long as the longest clips that the model was trained on.
_WINDOW_SECONDS = 22
# The official code reads chunks that are this short slowly, since the model rushes them.
_SHORT_BYTES, _SHORT_SPEED = 10, 0.3

# Steps of the schedule that Fast F5-TTS (arXiv 2505.19931) found as good as 32 in a quarter of the time.
_FAST_STEPS = 7

# What the packaged recording says; it is the default voice.
_PACKAGED = "infer/examples/basic/basic_ref_en.wav"
_PACKAGED_SAYS = "Some call me nature, others call me mother nature."

# Chunks that go through the model together may differ in length by this much: what is shorter is padded.
_LIKE = 0.75
_MOST_TOGETHER = 32
# Memory that a frame of one chunk takes while it is sampled, measured high; a batch that does not fit is halved.
_BYTES_PER_FRAME = 400_000


def models() -> tuple[str, ...]:
    """The models that it needs."""
    return f5(settings().f5_model), VOCODER


class F5:
    """See the module; see `Engine` for the protocol."""

    name = "f5-tts"
    clones = True
    is_stochastic = True
    rate = RATE
    overlap = int(_CROSS_FADE_SECONDS * RATE)

    def problem(self) -> str | None:
        from speech.runtime import check, use

        if find_spec("torch") is None:
            return "F5-TTS needs PyTorch, which is not installed here; see pytorch.org."
        state = check("f5-tts")
        if state.level != "ready":
            return f"F5-TTS is not ready: {state.sentence} Run: f5-flows runtime install f5-tts"
        use(state)
        try:
            missing = [name for name in models() if find(name, choose()) is None]
        except ModelError as fault:
            return str(fault)
        return f"F5-TTS lacks its models {' and '.join(missing)}; run: f5-flows models sync" if missing else None

    def avoid_reason(self) -> str | None:
        if Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists() or sys.platform == "darwin":
            return None
        return "F5-TTS would run on the CPU here, eight times slower than it speaks; ENGINE=f5-tts asks for that."

    def languages(self) -> frozenset[str]:
        return frozenset({"en", "zh"})

    def max_chunk_chars(self, text: str, speed: float, reference: Reference | None) -> int:
        reference = reference or _packaged()
        pace = len(reference.text.encode()) / reference.seconds
        width = len(text.encode()) / max(len(text), 1)
        return max(int(pace * max(_WINDOW_SECONDS - reference.seconds, 5) * speed / width), 40)

    def synthesize(
        self, chunks: Sequence[str], options: SynthesisOptions, progress: Progress | None = None
    ) -> list[Samples]:
        steps = _FAST_STEPS if options.quality == "fast" else settings().nfe_step
        with _in_words():
            loaded = _load()
            prompt = _prompt(options.reference or _packaged(), loaded.device)
            pieces = [_piece(index, chunk, options.speed, prompt) for index, chunk in enumerate(chunks)]
            takes: dict[int, Samples] = {}
            for batch in _batches(pieces, loaded):
                for piece, samples in zip(batch, _sample(batch, prompt, loaded, steps, options.seed), strict=True):
                    takes[piece.index] = samples
                if progress:
                    progress(len(takes), len(chunks))
        return [takes[index] for index in range(len(chunks))]


@dataclass(frozen=True)
class _Loaded:
    """Models on a device, and whether flash-attn can be used; they stay there from one request to the next."""

    model: Any
    vocoder: Any
    device: str
    flash: bool = False


@dataclass(frozen=True)
class _Prompt:
    """The reference as the model takes it.

    Attributes:
        audio: (1, n) at 24 kHz, loud enough.
        quiet: how loud the reference was, where that is less than the model is used to; else None.
        text: ends with a blank, so that words do not run together.
    """

    audio: torch.Tensor
    quiet: torch.Tensor | None
    text: str

    @property
    def frames(self) -> int:
        return int(self.audio.shape[-1]) // _HOP


@dataclass(frozen=True)
class _Piece:
    """One chunk: its place among the others, its symbols and its length in frames, the reference included."""

    index: int
    symbols: list[str]
    frames: int


_lock = threading.Lock()
_kept: dict[tuple[Path, ...], _Loaded] = {}


def load_seconds() -> float:
    """Load the models, if they are not yet; returns how long that took.

    Raises:
        EngineError: they cannot be loaded; the text says why.
    """
    began = time.monotonic()
    with _in_words():
        _load()
    return time.monotonic() - began


def _load() -> _Loaded:
    """The models, loaded once in a process."""
    with _lock:
        # PyTorch reads it when it is imported.
        export(PYTORCH_CUDA_ALLOC_CONF=settings().pytorch_cuda_alloc_conf)
        place = choose()
        checkpoint, vocoder = (find(name, place) for name in models())
        if checkpoint is None or vocoder is None:
            raise EngineUnavailable(str(F5().problem()))
        key = (*checkpoint.files, *vocoder.files)
        if key not in _kept:
            _kept.clear()
            _kept[key] = _from_files(checkpoint.file("*.safetensors", "*.pt"), checkpoint, vocoder.folder)
        return _kept[key]


def _from_files(weights: Path | None, checkpoint: Any, vocoder: Path) -> _Loaded:
    from speech.engines.f5_library import DiT, flash_attention, utils_infer

    vocabulary = checkpoint.file("vocab.txt")
    if weights is None or vocabulary is None:
        raise EngineUnavailable(f"{checkpoint.name} lacks a checkpoint (safetensors or pt) or vocab.txt.")
    device, values = str(utils_infer.device), settings()
    check_vocabulary(vocabulary)
    check_vocoder(vocoder)
    # What the official code prints must not stand in the output of the command line.
    with contextlib.redirect_stdout(sys.stderr), loading(f"{checkpoint.name} or {VOCODER}"):
        spoken = utils_infer.load_vocoder("vocos", is_local=True, local_path=str(vocoder), device=device)
        model = utils_infer.load_model(
            DiT, _architecture(checkpoint), str(weights), vocab_file=str(vocabulary), device=device
        )
    if values.f5_dtype != "auto":
        model = model.half() if values.f5_dtype == "float16" else model.float()
    if values.f5_compile:
        import torch

        model.transformer.forward = torch.compile(model.transformer.forward, dynamic=True)
    flash = flash_attention and values.flash_attention and device.startswith("cuda") and values.f5_dtype != "float32"
    return _Loaded(model, spoken, device, flash)


def _architecture(checkpoint: Any) -> dict[str, Any]:
    """The shape of the network: from a model.yaml beside the checkpoint, else from f5_tts by the model's name.

    The attention mask is on. It only matters to a batch, where without it what is padded is heard.
    """
    from importlib.resources import files

    beside = checkpoint.file("*.yaml")
    name = checkpoint.name.rpartition("/")[2]
    packaged = files("f5_tts") / "configs" / f"{name}.yaml"
    if beside is None and not packaged.is_file():
        raise EngineUnavailable(f"Nothing tells the architecture of {checkpoint.name}; put a model.yaml beside it.")
    return architecture(beside or Path(str(packaged))) | {"attn_mask_enabled": True, "attn_backend": "torch"}


def _packaged() -> Reference:
    from importlib.resources import files

    return Reference(Path(str(files("f5_tts") / _PACKAGED)), _PACKAGED_SAYS)


def _prompt(reference: Reference, device: str) -> _Prompt:
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
    return _Prompt(audio.to(device), None if quiet is None else quiet.to(device), _sentence(reference.text))


def _sentence(text: str) -> str:
    """A transcript that ends as the official code lets sentences end: with two blanks, or a Chinese full stop.

    >>> _sentence("Good day")
    'Good day.  '
    """
    if not text.endswith((". ", "。")):
        text += " " if text.endswith(".") else ". "
    return text if text.endswith("。") else text + " "


def _piece(index: int, chunk: str, speed: float, prompt: _Prompt) -> _Piece:
    """The official allotment: as many frames for a byte as the reference takes."""
    from f5_tts.model.utils import convert_char_to_pinyin

    size = len(chunk.encode())
    pace = _SHORT_SPEED if size < _SHORT_BYTES else speed
    [symbols] = convert_char_to_pinyin([prompt.text + chunk])
    frames = prompt.frames + int(prompt.frames / len(prompt.text.encode()) * size / pace)
    return _Piece(index, symbols, max(frames, len(symbols) + 1, prompt.frames + 1))


def _batches(pieces: Sequence[_Piece], loaded: _Loaded) -> Iterator[list[_Piece]]:
    """The pieces in batches of like length that fit the memory; one by one on a CPU, which gains nothing."""
    if not loaded.device.startswith("cuda"):
        yield from ([piece] for piece in pieces)
        return
    import torch

    # Reference frames are shared by all, so differences are smaller than they look.
    batch: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: -piece.frames):
        room = torch.cuda.mem_get_info()[0] * 0.8 // (_BYTES_PER_FRAME * (batch or [piece])[0].frames)
        if batch and (piece.frames < batch[0].frames * _LIKE or len(batch) >= min(max(room, 1), _MOST_TOGETHER)):
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _sample(batch: Sequence[_Piece], prompt: _Prompt, loaded: _Loaded, steps: int, seed: int) -> list[Samples]:
    """Mel spectrograms by the official sampler, then samples by the vocoder."""
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
            return [_voiced(mels[row, : piece.frames], prompt, loaded) for row, piece in enumerate(batch)]
    except torch.cuda.OutOfMemoryError:
        loaded.model.transformer.clear_cache()
        torch.cuda.empty_cache()
        if len(batch) == 1:
            raise
    half = len(batch) // 2
    return [samples for part in (batch[:half], batch[half:]) for samples in _sample(part, prompt, loaded, steps, seed)]


def _autocast(device: str) -> contextlib.AbstractContextManager[Any]:
    """bfloat16 is used inside the network only: the sampler's steps are too close to be told apart in it."""
    import torch

    if settings().f5_dtype != "bfloat16":
        return contextlib.nullcontext()
    context: contextlib.AbstractContextManager[Any] = torch.autocast(device.split(":")[0], dtype=torch.bfloat16)
    return context


def _voiced(mel: torch.Tensor, prompt: _Prompt, loaded: _Loaded) -> Samples:
    import torch

    spoken = mel.to(torch.float32)[None, prompt.frames :, :].permute(0, 2, 1)
    made = loaded.vocoder.decode(spoken)
    if prompt.quiet is not None:
        made = made * prompt.quiet / _LOUDNESS
    samples: Samples = made.squeeze().cpu().numpy()
    return samples


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Faults of the device and of the models, as a person would say them."""
    try:
        yield
    except (ImportError, OSError) as fault:
        raise EngineUnavailable(f"F5-TTS could not be loaded: {type(fault).__name__}: {fault}") from fault
    except (RuntimeError, ValueError, KeyError, AssertionError) as fault:
        text = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        if "out of memory" in text:
            raise EngineError(f"The GPU has no memory left for one chunk of speech: {_memory()}") from fault
        if "CUDA" in text:
            raise EngineError(f"The GPU failed: {text[:200]}") from fault
        raise EngineError(f"F5-TTS failed: {text[:300]}") from fault


def _memory() -> str:
    import torch

    free, total = torch.cuda.mem_get_info()
    return f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free; other programs may hold the rest."
