"""Downloading a model from its publisher."""

from __future__ import annotations

from pathlib import Path

from speech.errors import ModelError
from speech.models.catalogue import Source
from speech.models.location import Location
from speech.quiet import quiet

__all__ = ["download"]


def download(model: str, source: Source, location: Location) -> tuple[list[Path], str]:
    """Download a model to the local cache; return its files and its revision.

    Raises:
        ModelError: the model cannot be fetched; the text says why.
    """
    try:
        with quiet():
            files, revision = (_from_hub if source.kind == "hub" else _from_torchaudio)(source, location)
    except ImportError as fault:
        raise ModelError(f"{model} cannot be fetched: {fault.name} is not installed.") from None
    except (OSError, ValueError, RuntimeError) as fault:
        raise ModelError(
            f"{model} cannot be fetched from {source.name} ({type(fault).__name__}); check the network, or fill "
            "the model cache from a machine that can reach it: f5-flows models push"
        ) from None
    if not files:
        raise ModelError(f"{source.name} has none of the files that {model} needs.")
    return files, revision


def _from_hub(source: Source, location: Location) -> tuple[list[Path], str]:
    from huggingface_hub import snapshot_download

    folder = Path(
        snapshot_download(
            source.name, allow_patterns=list(source.files) or None, cache_dir=location.hub, local_files_only=False
        )
    )
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if files:
        files.append(folder.parents[1] / "refs" / "main")
    return files, folder.name


def _from_torchaudio(source: Source, location: Location) -> tuple[list[Path], str]:
    import torchaudio

    folder = location.root / "torch" / "hub" / "checkpoints"
    before = set(folder.glob("*"))
    bundle = getattr(torchaudio.pipelines, source.name)
    bundle.get_model(dl_kwargs={"model_dir": str(folder), "progress": False})
    checkpoint = folder / Path(bundle._path).name
    return ([checkpoint] if checkpoint.exists() else sorted(set(folder.glob("*")) - before)), torchaudio.__version__
