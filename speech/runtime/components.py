"""The components that a request may need beyond the project's dependencies, with versions that fit the environment."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packaging.version import Version

__all__ = ["COMPONENTS", "Component", "Need"]


@dataclass(frozen=True, slots=True)
class Need:
    """The requirements of a component.

    Attributes:
        whole: requirements that are installed with their dependencies.
        bare: requirements that are installed without their dependencies, because those include far more
            than is used here, or versions that would change PyTorch.
    """

    whole: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """A set of packages that is installed on first use.

    Attributes:
        name: the name by which it is requested.
        purpose: one line for people.
        imports: modules that must import in a child process.
        needs: returns the requirements that fit the installed versions (normalised name to version).
        torch: whether PyTorch must be installed already; it is never installed or changed.
    """

    name: str
    purpose: str
    imports: tuple[str, ...]
    needs: Callable[[Mapping[str, str]], Need]
    torch: bool = True


def _audio(live: Mapping[str, str]) -> str:
    """Return the requirement of torchaudio, which fits one PyTorch release; 2.11 fits all from PyTorch 2.10 on."""
    torch = Version(live["torch"])
    if torch.release[:2] >= (2, 10):
        return "torchaudio>=2.11,<3"
    return f"torchaudio=={torch.major}.{torch.minor}.*"


def _transformers(live: Mapping[str, str]) -> str:
    """Return the requirement of transformers; version 5 disables PyTorch below 2.6, which its metadata omits."""
    return "transformers>=4.48.1,<6" if Version(live["torch"]).release[:2] >= (2, 6) else "transformers>=4.48.1,<5"


def _f5(live: Mapping[str, str]) -> Need:
    """Return what f5-tts needs for synthesis; its own list adds trainers and web pages, 134 packages in all."""
    return Need(
        whole=(
            _audio(live),
            _transformers(live),
            "huggingface-hub>=0.28,<3",
            "pydub>=0.25,<0.26",
            "pypinyin>=0.53,<0.60",
            "pyyaml>=6,<7",
            "rjieba>=0.1.11,<0.3",
            "safetensors>=0.5,<1",
            "torchdiffeq>=0.2.5,<0.3",
            "tqdm>=4.66,<5",
            "vocos>=0.1,<0.2",
            "x-transformers>=2,<3",
        ),
        bare=("f5-tts>=1.1.20,<1.2",),
    )


def _whisperx(live: Mapping[str, str]) -> Need:
    """Return what whisperx needs for alignment; its own list pins PyTorch and adds a recognizer and a diarizer."""
    return Need(
        whole=(_audio(live), _transformers(live)),
        bare=("whisperx>=3.8,<3.9",),
    )


def _google(live: Mapping[str, str]) -> Need:
    return Need(whole=("google-cloud-speech>=2.33,<3", "rapidfuzz>=3.13,<4"))


# A release with wheels for the PyTorch versions of the official F5-TTS images.
FLASH_VERSION = "2.8.3"
FLASH_WHEELS = "https://github.com/Dao-AILab/flash-attention/releases/download"


def flash_wheel(torch: str, cuda: str, cxx11_abi: bool, base: str = FLASH_WHEELS) -> str:
    """Return the URL of the flash-attn wheel for this interpreter and a PyTorch build.

    Args:
        torch: PyTorch's version, such as 2.4.0+cu124.
        cuda: the CUDA version that PyTorch was built with, such as 12.4.
        cxx11_abi: whether PyTorch was built with the C++11 ABI.

    >>> flash_wheel("2.4.0+cu124", "12.4", False).rsplit("/", 1)[1]
    'flash_attn-2.8.3+cu12torch2.4cxx11abiFALSE-cp3...-cp3...-linux_x86_64.whl'
    """
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    release = Version(torch)
    tags = f"cu{cuda.split('.')[0]}torch{release.major}.{release.minor}cxx11abi{str(cxx11_abi).upper()}"
    machine = platform.machine().lower()
    file = f"flash_attn-{FLASH_VERSION}+{tags}-{python}-{python}-linux_{machine}.whl"
    return f"{base}/v{FLASH_VERSION}/{file}"


def _flash(live: Mapping[str, str]) -> Need:
    """Return what flash-attn needs; its wheel's URL is among the versions (`speech.runtime.environment.tags`)."""
    url = live.get("flash-attn-wheel", "")
    return Need(whole=("einops>=0.8,<1",), bare=(f"flash-attn @ {url}",) if url else ())


COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (
        Component("f5-tts", "speaks in a cloned voice", ("speech.engines.f5_library",), _f5),
        Component("whisperx", "times the words by forced alignment", ("speech.alignment.whisperx_library",), _whisperx),
        Component(
            "google",
            "times the words through Google Speech-to-Text",
            ("google.cloud.speech_v1", "rapidfuzz"),
            _google,
            torch=False,
        ),
        Component("flash-attn", "speeds up batches of chunks of unequal length; optional", ("flash_attn",), _flash),
    )
}
