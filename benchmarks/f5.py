"""The speed of F5-TTS on a GPU: our sampling compared with the official loop, and the effect of the settings.

    uv run --all-extras --group dev python -m benchmarks.f5 [--small]

Needs PyTorch and the component f5-tts (`f5-flows runtime install f5-tts`). The network has the full
size of F5TTS_v1_Base and random weights, on which speed does not depend. The script is about five
minutes long, and the reference is the packaged one (5.3 s). Each row is the median of three rounds (of the slow
ones: one round) after a warm-up with two chunks; the real-time factor is seconds of work per second of speech.
`--small` uses a small network and less text, to check on a CPU that the benchmark runs; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speech.engines import SynthesisOptions
from speech.engines.f5_sampling import RATE
from speech.models import VOCODER, Location, adopt, announce, choose, find
from speech.models import loaded as loaded_models
from speech.runtime import ensure
from speech.settings import export

FULL = {
    "dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512, "text_mask_padding": True, "conv_layers": 4,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="use a small network, to check that the benchmark runs")
    small = parser.parse_args().small
    ensure("f5-tts", lambda text: print(text, file=sys.stderr))
    import torch

    if not small and not torch.cuda.is_available():
        sys.exit("This needs a GPU; on a CPU the full size takes eight times as long as it speaks. Try --small.")
    with tempfile.TemporaryDirectory() as folder:
        from tests.fakes.networks import ARCHITECTURE, f5_checkpoint, vocoder

        place = Location(Path(folder))
        announce(place, offline=True)
        adopt("f5-tts/bench", place, f5_checkpoint(place.root / "f5-tts", ARCHITECTURE if small else FULL))
        sizes = (64, 2) if small else (512, 8)
        adopt(VOCODER, place, vocoder(place.root / "vocoder", *sizes))
        export(MODELS_DIR=folder, F5_MODEL="bench")
        compare(small)


@dataclass(frozen=True)
class Row:
    """One line of the table: what is measured, with which settings, and on a GPU with how much free memory."""

    label: str
    way: str = "batches"
    settings: Mapping[str, str] = field(default_factory=dict)
    fast: bool = False
    rounds: int = 3
    free_gb: float | None = None


LONG = (
    Row("official loop, 32 steps", "official", rounds=1),
    Row("one by one, 32 steps", "single"),
    Row("batches, 32 steps"),
    Row("batches, 32 steps, 24 GB of memory", free_gb=24),
    Row("batches, 16 steps (EPSS)", settings={"NFE_STEP": "16"}),
    Row("batches, 7 steps (EPSS; quality: fast)", fast=True),
    Row("batches, 32 steps, bfloat16", settings={"F5_DTYPE": "bfloat16"}),
    Row("batches, 32 steps, float32", settings={"F5_DTYPE": "float32"}, rounds=1),
)
SHORT = (
    Row("official loop, 32 steps", "official"),
    Row("32 steps"),
    Row("7 steps (quality: fast)", fast=True),
)


def compare(small: bool) -> None:
    """Time each way to speak, and print one row for each."""
    import torch

    from speech.engines import f5
    from speech.text import chunks
    from tests.scripts import HELD_OUT

    engine = f5.F5()
    text = " ".join(HELD_OUT[:3] if small else HELD_OUT * 2)
    parts = [chunk.spoken for chunk in chunks(text, "en", engine.max_chunk_chars(text, 1.0, None))]
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    for label, spoken, rows in ((f"{len(parts)} chunks", parts, LONG), ("one sentence", [HELD_OUT[0]], SHORT)):
        print(f"{name}, PyTorch {torch.__version__}, {label}")
        official, in_memory = None, None
        for row in rows:
            values = {"F5_DTYPE": "auto", "NFE_STEP": "32", **row.settings}
            if (kind := (row.way == "official", values["F5_DTYPE"])) != in_memory:
                loaded_models.clear()
                in_memory = kind
            export(**values)
            with held_memory(row.free_gb):
                seconds, length, peak = measure(_way(row), spoken, row.rounds)
            factor = seconds / length
            official = official or factor
            print(
                f"  {row.label:<40}{seconds:8.2f} s for {length:6.1f} s, real-time factor {factor:.4f} "
                f"({1 / factor:5.1f} x real time)  {official / factor:5.2f} x the official loop  {peak:5.1f} GB",
                flush=True,
            )


@contextlib.contextmanager
def held_memory(free_gb: float | None) -> Iterator[None]:
    """Hold so much of the GPU's memory that only `free_gb` are free, as on a smaller card."""
    import torch

    if free_gb is None or not torch.cuda.is_available():
        yield
        return
    torch.cuda.empty_cache()
    held = torch.empty(max(int(torch.cuda.mem_get_info()[0] - free_gb * 1e9), 0), dtype=torch.uint8, device="cuda")
    yield
    del held


def _way(row: Row) -> Callable[[Sequence[str]], float]:
    """Return a function that speaks texts in one of the compared ways and returns the seconds of speech."""
    from speech.engines import f5

    options = SynthesisOptions(seed=7, quality="fast" if row.fast else "standard")

    def batches(parts: Sequence[str]) -> float:
        return sum(map(len, f5.F5().synthesize(parts, options))) / RATE

    def single(parts: Sequence[str]) -> float:
        return sum(batches([part]) for part in parts)

    return {"batches": batches, "single": single, "official": _official}[row.way]


def _official(parts: Sequence[str]) -> float:
    import soundfile
    import torch

    from speech.engines import f5, f5_sampling
    from speech.engines.f5_library import DiT, utils_infer

    checkpoint, vocoder = (find(name, choose()) for name in f5.models())
    assert checkpoint and vocoder

    def load() -> tuple[Any, Any]:
        weights, vocabulary = str(checkpoint.file("*.safetensors")), str(checkpoint.file("vocab.txt"))
        with contextlib.redirect_stdout(sys.stderr):
            return (
                utils_infer.load_model(DiT, f5._architecture(checkpoint), weights, vocab_file=vocabulary),
                utils_infer.load_vocoder("vocos", is_local=True, local_path=str(vocoder.folder)),
            )

    model, decoder = loaded_models.reuse("official", load, lambda pair: 0)
    reference = f5._packaged()
    data, rate = soundfile.read(reference.path, dtype="float32", always_2d=True)
    prompt = (torch.from_numpy(data.T.copy()), rate)
    transcript = f5_sampling.as_sentence(reference.text)[:-1]
    wave, _, _ = next(
        utils_infer.infer_batch_process(
            prompt, transcript, list(parts), model, decoder, progress=None, device=utils_infer.device
        )
    )
    return len(wave) / RATE


def measure(way: Callable[[Sequence[str]], float], parts: list[str], rounds: int) -> tuple[float, float, float]:
    """Return the median seconds of work, the seconds of speech, and the most gigabytes that tensors took on the GPU."""
    import torch

    way(parts[:2])
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    times, spoken = [], 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        spoken = way(parts)
        times.append(time.perf_counter() - began)
    peak = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0
    return statistics.median(times), spoken, peak


if __name__ == "__main__":
    main()
