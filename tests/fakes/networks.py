"""Small networks made on the spot, in the formats of the real ones, for the real code that loads them."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

VOCABULARY = "infer/examples/vocab.txt"
ARCHITECTURE = {
    "dim": 64, "depth": 2, "heads": 2, "dim_head": 32, "ff_mult": 2, "text_dim": 32, "text_mask_padding": True,
    "conv_layers": 1,
}  # fmt: skip


def f5_model(architecture: dict[str, object]) -> Any:
    """F5-TTS's model around a DiT with random weights, for the vocabulary of the package."""
    from importlib.resources import files

    import torch

    from speech.engines.f5_library import DiT, utils_infer

    symbols, count = utils_infer.get_tokenizer(str(files("f5_tts") / VOCABULARY), "custom")
    torch.manual_seed(0)
    model = utils_infer.CFM(
        transformer=DiT(**architecture, text_num_embeds=count, mel_dim=100),
        mel_spec_kwargs={"mel_spec_type": "vocos"},
        vocab_char_map=symbols,
    )
    for parameter in model.parameters():
        if not parameter.abs().sum():
            # What starts as zero would leave only the noise.
            torch.nn.init.normal_(parameter, std=0.02)
    return model


def f5_checkpoint(folder: Path, architecture: dict[str, object] = ARCHITECTURE) -> list[Path]:
    """Such a model's weights, its vocabulary and its model.yaml."""
    import shutil
    from importlib.resources import files

    import yaml
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(files("f5_tts") / VOCABULARY), folder / "vocab.txt")
    weights = {f"ema_model.{name}": value for name, value in f5_model(architecture).state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "model.yaml").write_text(yaml.safe_dump({"model": {"arch": dict(architecture)}}))
    return sorted(folder.iterdir())


def vocoder(folder: Path, dim: int = 64, layers: int = 2) -> list[Path]:
    """A Vocos with random weights."""
    import torch
    import yaml
    from vocos import Vocos

    folder.mkdir(parents=True, exist_ok=True)
    mel = {"sample_rate": 24000, "n_fft": 1024, "hop_length": 256, "n_mels": 100, "padding": "center"}
    backbone = {"input_channels": 100, "dim": dim, "intermediate_dim": 2 * dim, "num_layers": layers}
    head = {"dim": dim, "n_fft": 1024, "hop_length": 256, "padding": "center"}
    config = {
        "feature_extractor": {"class_path": "vocos.feature_extractors.MelSpectrogramFeatures", "init_args": mel},
        "backbone": {"class_path": "vocos.models.VocosBackbone", "init_args": backbone},
        "head": {"class_path": "vocos.heads.ISTFTHead", "init_args": head},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    torch.manual_seed(0)
    with contextlib.redirect_stdout(sys.stderr):
        torch.save(Vocos.from_hparams(str(folder / "config.yaml")).state_dict(), folder / "pytorch_model.bin")
    return sorted(folder.iterdir())


def transcriber(folder: Path) -> list[Path]:
    """A Whisper with random weights and a vocabulary of single letters."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = {chr(97 + index): index for index in range(26)} | {"Ġ": 26}
    (folder / "vocab.json").write_text(json.dumps(letters))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    signs = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>"]
    tokenizer.add_tokens(signs, special_tokens=True)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    torch.manual_seed(0)
    start, english, transcribe, translate, plain = tokenizer.convert_tokens_to_ids(signs)
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    tokens = {
        "pad_token_id": end, "bos_token_id": end, "eos_token_id": end, "decoder_start_token_id": start,
        "suppress_tokens": [], "begin_suppress_tokens": [],
    }  # fmt: skip
    sizes = {"d_model": 32, "num_mel_bins": 80, "max_target_positions": 64, "vocab_size": len(tokenizer)}
    for half in ("encoder", "decoder"):
        sizes |= {f"{half}_layers": 1, f"{half}_attention_heads": 2, f"{half}_ffn_dim": 32}
    model = WhisperForConditionalGeneration(WhisperConfig(**tokens, **sizes))
    told = {
        "is_multilingual": True, "lang_to_id": {"<|en|>": english}, "no_timestamps_token_id": plain,
        "task_to_id": {"transcribe": transcribe, "translate": translate}, "max_length": 48,
    }  # fmt: skip
    for name, value in (tokens | told | {"_from_model_config": False}).items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    return sorted(folder.iterdir())
