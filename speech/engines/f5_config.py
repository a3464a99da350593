"""Checks of the configuration files of F5-TTS's networks, which may come from an untrusted source.

vocos imports and calls any class that its configuration names, and both libraries allocate any size that
is configured; so only known classes and plausible sizes are accepted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speech.errors import ModelError

__all__ = ["architecture", "check_vocabulary", "check_vocoder"]

# F5TTS_v1_Base has 337 million.
_MAX_PARAMETERS = 2_000_000_000
_MAX_CONFIG = 64 * 1024
_MAX_VOCABULARY = 2 * 1024 * 1024

Kind = TypeVar("Kind", bound=BaseModel)
Width = Annotated[int, Field(ge=1, le=8192)]
Count = Annotated[int, Field(ge=0, le=128)]
Window = Annotated[int, Field(ge=16, le=8192)]


class _Architecture(BaseModel):
    """The arguments of f5_tts's DiT that a checkpoint may set."""

    model_config = ConfigDict(extra="forbid")

    dim: Width
    depth: int = Field(8, ge=1, le=128)
    heads: int = Field(8, ge=1, le=128)
    dim_head: int = Field(64, ge=1, le=1024)
    dropout: float = Field(0.1, ge=0, lt=1)
    ff_mult: int = Field(4, ge=1, le=16)
    text_dim: Width | None = None
    text_mask_padding: bool = True
    text_embedding_average_upsampling: bool = False
    qk_norm: Literal["rms_norm"] | None = None
    conv_layers: Count = 0
    pe_attn_head: Count | None = None
    attn_backend: Literal["torch", "flash_attn"] = "torch"
    attn_mask_enabled: bool = False
    long_skip_connection: bool = False
    checkpoint_activations: bool = False

    @property
    def parameters(self) -> int:
        """The approximate number of parameters of the network."""
        block = 4 * self.dim * self.heads * self.dim_head + (2 * self.ff_mult + 6) * self.dim**2
        text = self.text_dim or 100
        return self.depth * block + self.conv_layers * 4 * text**2


class _F5Model(BaseModel):
    backbone: Literal["DiT"] = "DiT"
    arch: _Architecture


class _F5File(BaseModel):
    model: _F5Model


class _Mel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sample_rate: Literal[24000] = 24000
    n_fft: Window = 1024
    hop_length: Literal[256] = 256
    n_mels: Literal[100] = 100
    padding: Literal["center", "same"] = "center"


class _Backbone(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input_channels: Literal[100]
    dim: int = Field(ge=1, le=2048)
    intermediate_dim: int = Field(ge=1, le=8192)
    num_layers: int = Field(ge=1, le=32)
    layer_scale_init_value: float | None = None


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dim: int = Field(ge=1, le=2048)
    n_fft: Window
    hop_length: Literal[256]
    padding: Literal["center", "same"] = "same"


class _MelPart(BaseModel):
    model_config = ConfigDict(extra="forbid")

    class_path: Literal["vocos.feature_extractors.MelSpectrogramFeatures"]
    init_args: _Mel = _Mel()


class _BackbonePart(BaseModel):
    model_config = ConfigDict(extra="forbid")

    class_path: Literal["vocos.models.VocosBackbone"]
    init_args: _Backbone


class _HeadPart(BaseModel):
    model_config = ConfigDict(extra="forbid")

    class_path: Literal["vocos.heads.ISTFTHead"]
    init_args: _Head


class _VocoderFile(BaseModel):
    feature_extractor: _MelPart
    backbone: _BackbonePart
    head: _HeadPart


def architecture(path: Path) -> dict[str, Any]:
    """Return the network architecture that a model.yaml describes, as arguments of f5_tts's DiT.

    Raises:
        ModelError: the file describes something else, or a network of more than two billion parameters.
    """
    config = _read(path, _F5File).model.arch
    if config.parameters > _MAX_PARAMETERS:
        raise ModelError(
            f"{path.name} describes a network of {config.parameters / 1e9:.1f} billion parameters; "
            f"at most {_MAX_PARAMETERS / 1e9:.0f} billion are accepted."
        )
    return config.model_dump(exclude_unset=True)


def check_vocoder(folder: Path) -> None:
    """Check that a vocoder's config.yaml describes a Vocos of 100 bands at 24 kHz and nothing else.

    Raises:
        ModelError: it does not; the message names the entries.
    """
    _read(folder / "config.yaml", _VocoderFile)


def check_vocabulary(path: Path) -> None:
    """Check that a vocab.txt has a plausible size.

    Raises:
        ModelError: it is too large.
    """
    if (size := path.stat().st_size) > _MAX_VOCABULARY:
        raise ModelError(f"{path.name} has {size / 1e6:.1f} MB; at most {_MAX_VOCABULARY / 1e6:.1f} MB are accepted.")


def _read(path: Path, kind: type[Kind]) -> Kind:
    import yaml

    with path.open("rb") as file:
        data = file.read(_MAX_CONFIG + 1)
    if len(data) > _MAX_CONFIG:
        raise ModelError(f"{path.name} is larger than {_MAX_CONFIG // 1024} KiB; it cannot be a model's settings.")
    try:
        return kind.model_validate(yaml.safe_load(data.decode("utf-8")))
    except ValidationError as fault:
        problems = [
            f"{'.'.join(map(str, error['loc'])) or 'the file'}: {str(error['input'])[:60]!r} is not accepted "
            f"({error['msg'][:100]})"
            for error in fault.errors(include_url=False)[:3]
        ]
        raise ModelError(f"{path.name} cannot be used: {'; '.join(problems)}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise ModelError(f"{path.name} cannot be read as YAML ({type(fault).__name__}).") from None
