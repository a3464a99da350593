"""The speed of F5-TTS: our loop compared with the official one, and the effect of the settings.

    uv run --all-extras --group dev python -m benchmarks.f5 [--small]

Needs PyTorch and the component f5-tts (`f5-flows runtime install f5-tts`). The network has the full
size of F5TTS_v1_Base and random weights, on which speed does not depend. The script is about eight
minutes long, and the reference is the packaged one (5.3 s). Each row is the median of three rounds after
a warm-up round; the real-time factor is seconds of work per second of speech. `--small` uses a small
network and one chunk's worth of text, to check on a CPU that the benchmark runs; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from speech.engines import SynthesisOptions
from speech.models import VOCODER, Location, adopt, announce
from speech.models import loaded as loaded_models
from speech.runtime import ensure
from speech.settings import export

FULL = {
    "dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512, "text_mask_padding": True, "conv_layers": 4,
}  # fmt: skip
ROUNDS = 3


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


def compare(small: bool) -> None:
    """Time each combination of loop and settings, and print one row for each."""
    import torch

    from speech.engines import f5
    from speech.text import chunks
    from tests.scripts import HELD_OUT

    engine = f5.F5()
    text = " ".join(HELD_OUT[:3] if small else HELD_OUT * 6)
    parts = [chunk.spoken for chunk in chunks(text, "en", engine.max_chunk_chars(text, 1.0, None))]
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{name}, PyTorch {torch.__version__}, {len(parts)} chunks")
    rows: list[tuple[str, dict[str, str], str, bool]] = [
        ("official loop, 32 steps", {}, "official", False),
        ("one by one, 32 steps", {}, "single", False),
        ("batches, 32 steps", {}, "batch", False),
        ("batches, bfloat16", {"F5_DTYPE": "bfloat16"}, "batch", False),
        ("batches, float32", {"F5_DTYPE": "float32"}, "batch", False),
        ("batches, 16 steps (EPSS)", {"NFE_STEP": "16"}, "batch", False),
        ("batches, 7 steps (EPSS; quality: fast)", {}, "batch", True),
        ("batches, 7 steps, compiled", {"F5_COMPILE": "true"}, "batch", True),
    ]
    official = None
    for label, variables, way, fast in rows:
        export(**({"F5_DTYPE": "auto", "NFE_STEP": "32", "F5_COMPILE": "false"} | variables))
        loaded_models.clear()
        seconds, spoken = measure(_way(way, parts, fast))
        factor = seconds / spoken
        official = official or factor
        peak = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0
        times = f"{seconds:8.2f} s for {spoken:6.1f} s, real-time factor {factor:.4f} ({1 / factor:.1f} x real time)"
        print(f"  {label:<40}{times}  {official / factor:5.2f} x the official loop  {peak:5.1f} GB")


def _way(way: str, parts: list[str], fast: bool) -> Callable[[], float]:
    """Return a function that speaks the parts in one of the compared ways and returns the seconds of speech."""
    from speech.engines import f5

    def ours() -> float:
        made = f5.F5().synthesize(parts, SynthesisOptions(seed=7, quality="fast" if fast else "standard"))
        return sum(map(len, made)) / f5.RATE

    def single() -> float:
        made = [f5.F5().synthesize([part], SynthesisOptions(seed=7))[0] for part in parts]
        return sum(map(len, made)) / f5.RATE

    def official() -> float:
        import soundfile
        import torch

        from speech.engines import f5_sampling
        from speech.engines.f5_library import utils_infer

        loaded, reference = f5._load(), f5._packaged()
        data, rate = soundfile.read(reference.path, dtype="float32", always_2d=True)
        prompt = (torch.from_numpy(data.T.copy()), rate)
        wave, _, _ = next(
            utils_infer.infer_batch_process(
                prompt, f5_sampling.as_sentence(reference.text)[:-1], parts, loaded.model, loaded.vocoder,
                progress=None, device=loaded.device,
            )
        )  # fmt: skip
        return len(wave) / f5.RATE

    return {"batch": ours, "single": single, "official": official}[way]


def measure(way: Callable[[], float]) -> tuple[float, float]:
    """Return the median seconds of work, and the seconds of speech."""
    import torch

    way()
    times, spoken = [], 0.0
    for _ in range(ROUNDS):
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        spoken = way()
        times.append(time.perf_counter() - began)
    return statistics.median(times), spoken


if __name__ == "__main__":
    main()
