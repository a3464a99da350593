"""Checking a Hugging Face model's config.json, before a network of the size that it gives is allocated."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from speech.errors import ModelError

__all__ = ["check_config"]

# whisper-large-v3 has 1.5 billion; no model here needs as much as 16 GB in float32.
_MOST_PARAMETERS = 4_000_000_000
_LARGEST = 1024 * 1024


class _Config(BaseModel):
    """The sizes that determine memory use, under the names of wav2vec2 and Whisper."""

    width: int = Field(768, ge=1, le=16_384, validation_alias=AliasChoices("hidden_size", "d_model"))
    layers: int = Field(12, ge=0, le=256, validation_alias=AliasChoices("num_hidden_layers", "encoder_layers"))
    decoder_layers: int = Field(0, ge=0, le=256)
    inner: int = Field(3072, ge=1, le=65_536, validation_alias=AliasChoices("intermediate_size", "encoder_ffn_dim"))
    decoder_ffn_dim: int = Field(1, ge=1, le=65_536)
    vocab_size: int = Field(32, ge=1, le=1_000_000)
    max_source_positions: int = Field(1, ge=1, le=100_000)
    max_target_positions: int = Field(1, ge=1, le=100_000)
    conv_dim: list[int] = Field([], max_length=64)
    conv_kernel: list[int] = Field([], max_length=64)
    num_conv_pos_embeddings: int = Field(128, ge=1, le=4096)
    num_mel_bins: int = Field(80, ge=1, le=4096)
    output_hidden_size: int = Field(1, ge=1, le=16_384)

    @property
    def parameters(self) -> int:
        """The approximate number of parameters."""
        transformer = self.layers * (4 * self.width**2 + 2 * self.width * self.inner)
        transformer += self.decoder_layers * (8 * self.width**2 + 2 * self.width * self.decoder_ffn_dim)
        flat = self.width * (self.vocab_size + self.max_source_positions + self.max_target_positions)
        encoder = max(self.conv_kernel, default=1) * sum(size * size for size in self.conv_dim)
        return transformer + flat + encoder + self.num_conv_pos_embeddings * self.width**2 // 16


def check_config(folder: Path) -> None:
    """Check that a model's config.json describes a network of plausible size.

    Raises:
        ModelError: it does not; the text gives the offending value.
    """
    path = folder / "config.json"
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ModelError(f"{path.name} is larger than {_LARGEST // 1024} KiB; it cannot be a model's.")
    try:
        config = _Config.model_validate_json(data)
    except ValidationError as fault:
        error = fault.errors(include_url=False)[0]
        field = ".".join(map(str, error["loc"])) or "the file"
        raise ModelError(
            f"{path.name} cannot be used: {field}: {str(error['input'])[:60]!r} is not accepted ({error['msg'][:100]})."
        ) from None
    if config.parameters > _MOST_PARAMETERS:
        raise ModelError(
            f"{path.name} describes a network of {config.parameters / 1e9:.1f} billion parameters; "
            f"at most {_MOST_PARAMETERS / 1e9:.0f} billion are accepted."
        )
