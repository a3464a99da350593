"""Models as somebody would make them who may write to the bucket and wants more: loaded by the real libraries."""

import json
import os
import shutil
import struct

import pytest

from speech.alignment import whisperx
from speech.engines import f5
from speech.errors import AlignerUnavailable, ModelError, SpeechError
from speech.models import VOCODER, Location, adopt, aligner, loaded
from speech.models.config import check_config


class Runs:
    """Pickled, it is a command that runs when it is loaded."""

    def __init__(self, note):
        self.note = note

    def __reduce__(self):
        return os.mkdir, (str(self.note),)


@pytest.fixture
def cache(tiny, tmp_path, monkeypatch):
    """The small models in a place of their own, to be tampered with."""
    root = tmp_path / "models"
    shutil.copytree(tiny, root)
    monkeypatch.setenv("MODELS_DIR", str(root))
    loaded.clear()
    yield Location(root)
    loaded.clear()


def pickled(path, note):
    import torch

    torch.save({"model_state_dict": Runs(note)}, path)


def renew(cache, name, folder):
    adopt(name, cache, sorted(path for path in folder.iterdir() if path.is_file()))


def test_a_checkpoint_that_would_run_code_is_refused(cache, tmp_path):
    folder = cache.root / "f5-tts" / "tiny"
    (folder / "model.safetensors").unlink()
    pickled(folder / "model.pt", tmp_path / "ran")
    renew(cache, "f5-tts/tiny", folder)
    with pytest.raises(ModelError, match=r"f5-tts/tiny .*holds more than weights.*safetensors"):
        f5.load_seconds()
    assert not (tmp_path / "ran").exists()


def test_a_vocoder_that_would_run_code_is_refused(cache, tmp_path):
    folder = cache.root / VOCODER
    pickled(folder / "pytorch_model.bin", tmp_path / "ran")
    renew(cache, VOCODER, folder)
    with pytest.raises(ModelError, match="holds more than weights"):
        f5.load_seconds()
    config = folder / "config.yaml"
    command = f"class_path: os.mkdir\n  init_args: {{path: {tmp_path / 'ran'}}}\n"
    config.write_text(config.read_text().replace("backbone:\n", f"backbone:\n  {command}  was:\n", 1))
    renew(cache, VOCODER, folder)
    with pytest.raises(ModelError, match=r"config\.yaml cannot be used"):
        f5.load_seconds()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["hub", "torchaudio"])
def test_an_alignment_model_that_would_run_code_is_refused(cache, tmp_path, kind):
    folder = cache.root / "align" / "en"
    if kind == "hub":
        (folder / "model.safetensors").unlink()
        pickled(folder / "pytorch_model.bin", tmp_path / "ran")
    else:
        folder = cache.root / "torch" / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        # Where whisperx has torchaudio look for its English model; torchaudio asks for a full unpickling.
        pickled(folder / "wav2vec2_fairseq_base_ls960_asr_ls960.pth", tmp_path / "ran")
    renew(cache, aligner("en"), folder)
    with pytest.raises(SpeechError), whisperx._translated_errors():
        whisperx.load("en")
    assert not (tmp_path / "ran").exists()


FAR = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
HEADERS = {
    "a length beyond the file": struct.pack("<Q", 2**63) + b"{}",
    "no JSON": struct.pack("<Q", 8) + b"notjson!",
    "offsets beyond the file": struct.pack("<Q", len(FAR)) + FAR,
    "nothing": b"",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_weights_with_a_hostile_header_are_damaged_and_no_more(cache, header):
    folder = cache.root / "f5-tts" / "tiny"
    (folder / "model.safetensors").write_bytes(header)
    renew(cache, "f5-tts/tiny", folder)
    with pytest.raises(SpeechError):
        f5.load_seconds()


@pytest.mark.parametrize(
    "change",
    [{"hidden_size": 10**9}, {"num_hidden_layers": 10**9}, {"hidden_size": 16_384, "num_hidden_layers": 200}],
)
def test_an_alignment_model_of_any_size_is_refused_before_it_is_made(cache, change):
    folder = cache.root / "align" / "en"
    config = json.loads((folder / "config.json").read_text())
    check_config(folder)
    (folder / "config.json").write_text(json.dumps(config | change))
    renew(cache, aligner("en"), folder)
    with pytest.raises(AlignerUnavailable, match=r"config\.json"), whisperx._translated_errors():
        whisperx.load("en")
