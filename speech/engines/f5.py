"""F5-TTS, which clones a voice from a few seconds of it (SWivid/F5-TTS; weights CC-BY-NC-4.0, English and Chinese).

The official code loads the models, prepares the audio and samples the mel spectrograms. Only the loop
over chunks is our own, and on a GPU the network's computation (`f5_network`). The official loop hands chunks to threads
that share one random generator, so its result differs each time, and it does not report where a chunk begins. Ours
seeds each chunk, returns each separately, and on a GPU samples them in batches. On a CPU each chunk equals the official
one sample for sample, on a GPU but for rounding (tests/speech/engines).
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from speech.audio import Samples
from speech.engines import ChunkProgress, SynthesisOptions
from speech.engines.f5_config import architecture, check_vocabulary, check_vocoder
from speech.engines.f5_sampling import RATE, Loaded, batches, plan_piece, read_prompt, room, sample
from speech.errors import EngineError, EngineUnavailable, ModelError
from speech.language import codes
from speech.models import VOCODER, choose, f5, find, loading
from speech.models.catalogue import source_of
from speech.models.loaded import parameter_bytes, reuse
from speech.settings import export, settings
from speech.voices import Reference

__all__ = ["F5", "load_seconds", "models"]

_CROSS_FADE_SECONDS = 0.15
# Longest reference and speech together: the length of the longest clips that the model was trained on.
_WINDOW_SECONDS = 22
# Steps of the schedule that Fast F5-TTS (arXiv 2505.19931) found to be as good as 32 steps in a quarter of the time.
_FAST_STEPS = 7

# The recording in f5_tts that is the default voice, and its transcript.
_PACKAGED = "infer/examples/basic/basic_ref_en.wav"
_PACKAGED_TEXT = "Some call me nature, others call me mother nature."


def models() -> tuple[str, ...]:
    """Return the names of the models that F5-TTS needs."""
    return f5(settings().f5_model), VOCODER


class F5:
    """The F5-TTS engine (see the module's docstring); implements `Engine`."""

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
            absent_models = [name for name in models() if find(name, choose()) is None]
        except ModelError as fault:
            return str(fault)
        return (
            f"F5-TTS lacks its models {' and '.join(absent_models)}; run: f5-flows models sync"
            if absent_models
            else None
        )

    def avoid_reason(self) -> str | None:
        if Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists() or sys.platform == "darwin":
            return None
        return "F5-TTS would run on the CPU here, eight times slower than real time; set ENGINE=f5-tts to allow that."

    def languages(self) -> frozenset[str]:
        # What a checkpoint of the operator's own speaks is not known.
        return frozenset({"en", "zh"}) if source_of(models()[0]) else codes()

    def max_chunk_chars(self, text: str, speed: float, reference: Reference | None) -> int:
        reference = reference or _packaged()
        pace = len(reference.text.encode()) / reference.seconds
        width = len(text.encode()) / max(len(text), 1)
        return max(int(pace * max(_WINDOW_SECONDS - reference.seconds, 5) * speed / width), 40)

    def identity(self, options: SynthesisOptions) -> tuple[str | float, ...]:
        values = settings()
        steps = _steps(options)
        return (*models(), steps, values.cfg_strength, values.sway_sampling_coef, values.f5_dtype)

    def synthesize(
        self, chunks: Sequence[str], options: SynthesisOptions, on_progress: ChunkProgress | None = None
    ) -> list[Samples]:
        steps = _steps(options)
        with _translated_errors():
            loaded = _load()
            prompt = read_prompt(options.reference or _packaged(), loaded.device)
            # The networks know no line break.
            inputs = [
                plan_piece(index, chunk.replace("\n", " "), options.speed, prompt) for index, chunk in enumerate(chunks)
            ]
            recordings: dict[int, Samples] = {}
            for batch in batches(inputs, room(loaded)):
                for chunk_input, samples in zip(batch, sample(batch, prompt, loaded, steps, options.seed), strict=True):
                    recordings[chunk_input.index] = samples
                if on_progress:
                    on_progress(len(recordings), len(chunks))
        return [recordings[index] for index in range(len(chunks))]


def _steps(options: SynthesisOptions) -> int:
    return _FAST_STEPS if options.quality == "fast" else settings().nfe_step


def load_seconds() -> float:
    """Load the models unless they are loaded already; return how many seconds that took.

    Raises:
        EngineError: they cannot be loaded; the message says why.
    """
    began = time.monotonic()
    with _translated_errors():
        _load()
    return time.monotonic() - began


def _load() -> Loaded:
    """Return the models, loading them if needed."""
    # PyTorch reads this variable when it is imported.
    export(PYTORCH_CUDA_ALLOC_CONF=settings().pytorch_cuda_alloc_conf)
    location = choose()
    checkpoint, vocoder = (find(name, location) for name in models())
    if checkpoint is None or vocoder is None:
        raise EngineUnavailable(str(F5().problem()))
    return reuse(
        (checkpoint.state, vocoder.state),
        lambda: _load_files(checkpoint.file("*.safetensors", "*.pt"), checkpoint, vocoder.folder),
        lambda loaded: loaded.size,
    )


def _load_files(weights: Path | None, checkpoint: Any, vocoder: Path) -> Loaded:
    from speech.engines.f5_library import blank, flash_attention, utils_infer

    vocabulary = checkpoint.file("vocab.txt")
    if weights is None or vocabulary is None:
        raise EngineUnavailable(f"{checkpoint.name} lacks a checkpoint (safetensors or pt) or vocab.txt.")
    device, values = str(utils_infer.device), settings()
    check_vocabulary(vocabulary)
    check_vocoder(vocoder)
    with loading(f"{checkpoint.name} or {VOCODER}"):
        vocos = utils_infer.load_vocoder("vocos", is_local=True, local_path=str(vocoder), device=device)
        model = utils_infer.load_model(
            blank, _architecture(checkpoint), str(weights), vocab_file=str(vocabulary), device=device
        )
    if values.f5_dtype in ("float16", "float32"):
        # bfloat16 is used only inside the network: it cannot tell the sampler's steps apart.
        model = model.half() if values.f5_dtype == "float16" else model.float()
    size = parameter_bytes(model, vocos)
    batched = device.startswith("cuda") and _speed_up(model, flash_attention and values.flash_attention)
    return Loaded(model, vocos, device, size, batched)


def _speed_up(model: Any, flash: bool) -> bool:
    """Exchange the network, if it is of the usual kind, for one that is faster on a GPU and takes several chunks."""
    import torch

    from speech.engines.f5_network import PackedDiT

    if not PackedDiT.fits(model.transformer):
        return False
    name = settings().f5_dtype
    dtype = next(model.parameters()).dtype if name == "auto" else getattr(torch, name)
    model.transformer = PackedDiT(model.transformer, dtype, flash=flash and dtype != torch.float32)
    return True


def _architecture(checkpoint: Any) -> dict[str, Any]:
    """Return the network's architecture, from a model.yaml beside the checkpoint or else f5_tts's own for that name."""
    from importlib.resources import files

    config = checkpoint.file("*.yaml")
    name = checkpoint.name.rpartition("/")[2]
    packaged = files("f5_tts") / "configs" / f"{name}.yaml"
    if config is None and not packaged.is_file():
        raise EngineUnavailable(
            f"The architecture of {checkpoint.name} is not known; put a model.yaml beside the checkpoint."
        )
    return architecture(config or Path(str(packaged))) | {"attn_backend": "torch"}


def _packaged() -> Reference:
    from importlib.resources import files

    return Reference(Path(str(files("f5_tts") / _PACKAGED)), _PACKAGED_TEXT)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise errors of the GPU and of the models as `EngineError` or `EngineUnavailable`, with readable messages."""
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
