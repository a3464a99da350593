"""F5-TTS: its real code, on a small network with random weights."""

import shutil

import numpy as np
import pytest
import soundfile

from speech.engines import SynthesisOptions, f5, f5_sampling
from speech.engines import choose as choose_engine
from speech.engines.f5 import F5
from speech.errors import EngineError, EngineUnavailable
from speech.models import loaded
from speech.text import chunks
from speech.voices import Reference

pytestmark = pytest.mark.usefixtures("tiny")

TEXT = (
    "I don't really care what you call me. I've been a silent spectator, watching species evolve, empires rise and "
    "fall. But always remember, I am mighty and enduring. Respect me and I'll nurture you; ignore me and you shall "
    "face the consequences."
)


def parts(longest=150):
    return [chunk.spoken for chunk in chunks(TEXT, "en", longest)]


def take(texts, progress=None, **options):
    return F5().synthesize(texts, SynthesisOptions(**({"seed": 5} | options)), progress)


def official(text, reference, seed, steps):
    """The samples that f5_tts makes by itself."""
    import torch

    from speech.engines.f5_library import utils_infer

    loaded = f5._load()
    torch.manual_seed(seed)
    _, said = utils_infer.preprocess_ref_audio_text(str(reference.path), reference.text, show_info=lambda text: None)
    data, rate = soundfile.read(reference.path, dtype="float32", always_2d=True)
    audio = torch.from_numpy(data.T.copy())
    made = utils_infer.infer_batch_process(
        (audio, rate), said, [text], loaded.model, loaded.vocoder, nfe_step=steps, device="cpu", progress=None
    )
    return next(made)[0]


def test_each_chunk_equals_the_official_one_sample_for_sample():
    for text, ours in zip(parts(), take(parts()), strict=True):
        assert np.array_equal(ours, official(text, f5._packaged(), 5, 5))


def test_a_quiet_reference_at_another_rate_and_in_stereo_is_treated_as_the_official_code_does(tmp_path):
    data, rate = soundfile.read(f5._packaged().path, dtype="float32")
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, np.stack([data[::2], data[::2] * 0.5], axis=1) * 0.05, rate // 2, subtype="FLOAT")
    reference = Reference(quiet, "Some call me nature, others call me mother nature")
    [ours] = take(parts()[:1], reference=reference)
    assert np.array_equal(ours, official(parts()[0], reference, 5, 5))
    assert np.abs(ours).max() < 0.05


def test_the_same_request_always_gives_the_same_samples_and_another_seed_others():
    first, second, other = take(parts()), take(parts()), take(parts(), seed=6)
    assert all(np.array_equal(left, right) for left, right in zip(first, second, strict=True))
    assert not any(np.array_equal(left, right) for left, right in zip(first, other, strict=True))


def test_a_batch_of_unequal_chunks_equals_them_one_by_one():
    official, texts = f5._load(), [*parts(), "A short one, to be padded."]
    prompt = f5_sampling.read_prompt(f5._packaged(), "cpu")
    pieces = [f5_sampling.plan_piece(index, text, 1.0, prompt) for index, text in enumerate(texts)]
    assert len({piece.frames for piece in pieces}) == len(pieces)
    # On a GPU this network takes the place of the official one.
    loaded.clear()
    packed = f5._load()
    assert f5._speed_up(packed.model, flash=False)
    loaded.clear()
    together = f5_sampling.sample(pieces, prompt, packed, 5, 5)
    for piece, samples in zip(pieces, together, strict=True):
        [alone] = f5_sampling.sample([piece], prompt, official, 5, 5)
        assert np.abs(samples - alone).max() <= 2e-4 * np.abs(alone).max()


@pytest.mark.parametrize("frames", [0, 900, 2000, 100_000])
def test_batches_are_few_of_one_size_and_in_order(frames):
    pieces = [f5_sampling.ChunkInput(index, [], 500 + 97 * index % 400) for index in range(23)]
    batches = list(f5_sampling.batches(pieces, frames))
    assert [piece for batch in batches for piece in batch] == pieces
    sizes = [sum(piece.frames for piece in batch) for batch in batches]
    longest = max(piece.frames for piece in pieces)
    assert all(size <= max(frames, longest) for size in sizes)
    if frames >= 2000:
        assert len(batches) <= -(-sum(sizes) // (frames - longest))
    else:
        assert all(len(batch) == 1 for batch in batches)


def test_no_batch_is_a_small_remainder():
    pieces = [f5_sampling.ChunkInput(index, [], 1900) for index in range(43)]
    assert [len(batch) for batch in f5_sampling.batches(pieces, 40_000)] == [14, 15, 14]


def test_fast_takes_a_step_count_that_the_pruned_schedule_has():
    import torch

    from speech.engines.f5_library import get_epss_timesteps

    steps = get_epss_timesteps(f5._FAST_STEPS, "cpu", torch.float32)
    assert len(steps) == f5._FAST_STEPS + 1
    assert not torch.allclose(steps, torch.linspace(0, 1, f5._FAST_STEPS + 1))
    standard, fast = take(parts()[:1]), take(parts()[:1], quality="fast")
    assert not np.array_equal(standard[0], fast[0])


@pytest.mark.parametrize("number", ["float32", "bfloat16"])
def test_other_number_formats_speak_as_well(monkeypatch, number):
    monkeypatch.setenv("F5_DTYPE", number)
    monkeypatch.setenv("NFE_STEP", "32")
    loaded.clear()
    [samples] = take(parts()[:1])
    assert np.isfinite(samples).all() and samples.std() > 0
    loaded.clear()


def test_speed_changes_the_length_of_what_is_spoken():
    slow, fast = (len(take(parts()[:1], speed=speed)[0]) for speed in (0.5, 2.0))
    assert slow == pytest.approx(4 * fast, rel=0.02)


def test_reference_and_chunk_together_fill_the_window():
    engine, reference = F5(), f5._packaged()
    pace = len(reference.text) / reference.seconds
    longest = engine.max_chunk_chars(TEXT, 1.0, None)
    assert longest / pace + reference.seconds == pytest.approx(22, abs=0.2)
    assert engine.max_chunk_chars("你好世界", 1.0, None) == pytest.approx(longest / 3, abs=1)


def test_models_stay_loaded_from_one_request_to_the_next():
    take(parts()[:1])
    first = f5._load()
    take(parts()[:1])
    assert f5._load() is first


def test_progress_is_told_chunk_by_chunk():
    seen = []
    take(parts(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, len(parts())) for done in range(1, len(parts()) + 1)]


def test_nothing_is_printed_where_replies_are(capsys):
    loaded.clear()
    take(parts()[:1])
    assert capsys.readouterr().out == ""


def test_auto_does_not_take_it_where_it_would_run_on_a_cpu():
    assert "CPU" in (F5().avoid_reason() or "")
    assert choose_engine("auto")[0].name == "espeak"
    assert choose_engine("f5-tts")[0].name == "f5-tts"


def test_a_missing_model_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setenv("F5_MODEL", "no-such-model")
    with pytest.raises(EngineUnavailable, match=r"f5-tts/no-such-model; run: f5-flows models sync"):
        choose_engine("f5-tts")


def test_a_checkpoint_that_lacks_weights_is_refused(networks, tmp_path, monkeypatch):
    from safetensors.torch import load_file, save_file

    from speech.models import VOCODER, Location, adopt

    shutil.copytree(networks, tmp_path / "models", ignore=shutil.ignore_patterns(".f5-flows"))
    place = Location(tmp_path / "models")
    weights = load_file(place.root / "f5-tts" / "tiny" / "model.safetensors")
    del weights["ema_model.transformer.transformer_blocks.1.ff.ff.2.weight"]
    save_file(weights, place.root / "f5-tts" / "tiny" / "model.safetensors")
    for name in ("f5-tts/tiny", VOCODER):
        adopt(name, place, sorted(path for path in (place.root / name).iterdir() if path.is_file()))
    monkeypatch.setenv("MODELS_DIR", str(place.root))
    with pytest.raises(EngineError, match=r"ff\.2\.weight|state_dict"):
        F5().synthesize(["Hello there."], SynthesisOptions(seed=1))


def test_the_name_that_operators_know_means_the_current_checkpoint(monkeypatch):
    monkeypatch.delenv("F5_MODEL")
    assert f5.models()[0] == "f5-tts/F5TTS_v1_Base"


def test_a_broken_flash_attention_does_not_break_the_import(tmp_path):
    import subprocess
    import sys

    (tmp_path / "flash_attn").mkdir()
    (tmp_path / "flash_attn" / "__init__.py").write_text("raise ImportError('undefined symbol: _ZN3c105ErrorC2E')")
    code = f"import sys; sys.path[:] = {[str(tmp_path), *sys.path]!r}\n"
    code += "from speech.engines import f5_library; print(f5_library.flash_attention)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("given", [None, "max_split_size_mb:2048"])
def test_what_pytorch_reads_is_passed_on_before_it_is_imported(tiny, given):
    import os
    import subprocess
    import sys

    code = (
        "import os, sys; from speech.engines.f5 import F5, load_seconds; assert F5().problem() is None\n"
        "assert 'torch' not in sys.modules; load_seconds()\n"
        "print(os.environ['PYTORCH_CUDA_ALLOC_CONF'], os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    variables = {"CUDA_VISIBLE_DEVICES": "0"} | ({"PYTORCH_CUDA_ALLOC_CONF": given} if given else {})
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True)
    assert done.stdout.split() == [given or "max_split_size_mb:512", "0"], done.stderr
