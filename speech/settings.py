"""The environment, read in one place."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from speech.errors import SettingsError
from speech.redaction import redact

__all__ = [
    "PUBLIC",
    "SECRETS",
    "EngineName",
    "Settings",
    "bare_environment",
    "bypass_proxies",
    "environment",
    "export",
    "overridden",
    "scrub",
    "scrub_logs",
    "settings",
]

EngineName = Literal["auto", "f5-tts", "espeak"]


class Settings(BaseSettings):
    """Every environment variable that this project reads, with its default.

    The names are those that operators of the earlier system already set. An empty variable counts
    as unset.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", case_sensitive=False)

    s3_bucket: str | None = Field(None, description="Bucket for voices, outputs and models.")
    aws_access_key_id: SecretStr | None = Field(None, description="Not needed where a role gives access.")
    aws_secret_access_key: SecretStr | None = Field(None, description="Goes with AWS_ACCESS_KEY_ID.")
    aws_session_token: SecretStr | None = Field(None, description="For temporary credentials.")
    aws_region: str = Field("us-east-1", description="Region of the bucket.")
    aws_endpoint_url: str | None = Field(None, description="URL of an S3-compatible service.")
    aws_ca_bundle: Path | None = Field(None, description="Certificates to trust for that URL.")
    enable_s3_model_cache: bool = Field(True, description="Keep models in the bucket.")

    google_credentials_json: SecretStr | None = Field(None, description="Service account, as JSON.")
    google_application_credentials: Path | None = Field(None, description="Service account, as a file.")
    google_cloud_project: str | None = Field(None, description="Project that is billed.")
    google_speech_endpoint: str | None = Field(
        None, description="Another endpoint, such as eu-speech.googleapis.com; http://host:port goes without TLS."
    )

    pytorch_cuda_alloc_conf: str = Field("max_split_size_mb:512", description="Passed on to PyTorch.")
    cuda_visible_devices: str | None = Field(None, description="Passed on to CUDA.")
    hf_home: Path | None = Field(None, description="Set at start-up, below the chosen MODELS_DIR.")
    hf_hub_cache: Path | None = Field(None, description="Set at start-up, below the chosen MODELS_DIR.")
    transformers_cache: Path | None = Field(None, description="Set at start-up, below the chosen MODELS_DIR.")
    torch_home: Path | None = Field(None, description="Set at start-up, below the chosen MODELS_DIR.")

    runpod_ai_api_key: SecretStr | None = Field(None, description="Given by RunPod: a container's key.")
    runpod_endpoint_id: str | None = Field(None, description="Given by RunPod; else where runs are sent.")
    runpod_pod_id: str | None = Field(None, description="Given by RunPod.")
    runpod_webhook_get_job: str | None = Field(None, description="Given by RunPod to serverless workers only.")
    runpod_api_key: SecretStr | None = Field(None, description="Your key, with which runs are sent to RunPod.")
    runpod_job_url: str = Field("https://api.runpod.ai/v2", description="Base of RunPod's job API.")
    runpod_management_url: str = Field("https://api.runpod.io/v2", description="Base of RunPod's management API.")
    runpod_patience: float = Field(120, gt=0, description="Seconds for which RunPod may not answer one call.")
    runpod_reconcile_seconds: float = Field(15, gt=0, description="How often a worker looks for runs nobody watches.")
    runpod_submit_grace: float = Field(
        180, gt=0, description="Seconds after which a run that was taken but never submitted is submitted again."
    )

    endpoint_concurrency: int = Field(
        6, ge=1, le=32, description="Jobs that a container holds at once; one of them has the GPU."
    )
    child_memory_mb: int = Field(0, ge=0, description="The child process is renewed when it takes more; 0: no limit.")
    child_runs: int = Field(1000, ge=1, description="The child process is renewed after so many runs.")
    child_silence: float = Field(60, gt=0, description="Seconds without a sign of life after which it is replaced.")
    cancel_grace: float = Field(30, gt=0, description="Seconds that a cancelled run may take to stop.")
    lease_seconds: float = Field(30, gt=0, description="A run whose holder is silent for so long may be taken over.")
    step_retries: int = Field(
        2, ge=0, le=20, description="How often a step is tried again when a store does not answer; the pauses double."
    )
    notify_url: SecretStr | None = Field(None, description="Webhook that is told of failed runs.")

    fetch_private: bool = Field(False, description="Let clients name URLs on private networks.")
    fetch_ca_bundle: Path | None = Field(None, description="Certificates to trust for URLs that clients name.")
    request_timeout: float = Field(30, gt=0, description="Seconds for one HTTP request, or without a byte of it.")
    setup_timeout: float = Field(1800, gt=0, description="Seconds for installing components or fetching models.")
    processing_timeout: float = Field(300, gt=0, description="Seconds for one synthesis or alignment.")

    google_block: str | None = Field(None, description="Prefect block google-speech/<name>, before the two above.")
    google_price_per_minute: float = Field(0.024, ge=0, description="Dollars, for the estimate in the result.")

    runpod_volume: Path = Field(Path("/runpod-volume"), description="Where RunPod mounts a network volume.")
    uv: Path | None = Field(None, description="The uv program; `uv run` sets it.")
    runtime_dir: Path | None = Field(
        None, description="Where runtime components are installed. Default: on the network volume, else F5_FLOWS_HOME."
    )
    models_dir: Path | None = Field(
        None, description="Where models lie. Default: on the network volume where it has room, else F5_FLOWS_HOME."
    )
    flash_attn_wheels: str = Field(
        "https://github.com/Dao-AILab/flash-attention/releases/download", description="Where flash-attn's wheels lie."
    )

    engine: EngineName = Field("auto", description="auto, f5-tts or espeak.")
    f5_model: str = Field("F5-TTS", description="Checkpoint: F5-TTS is F5TTS_v1_Base; others from the model cache.")
    f5_dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="auto: float16 on a GPU, float32 elsewhere."
    )
    f5_compile: bool = Field(False, description="Compile the model; the first request then takes a minute longer.")
    flash_attention: bool = Field(False, description="Use flash-attn for batches of chunks of unequal length.")
    nfe_step: int = Field(
        32, ge=4, le=128, description="Steps of the sampler; 5, 6, 7, 10, 12, 16 are pruned schedules."
    )
    cfg_strength: float = Field(2.0, ge=0, le=10, description="How closely speech follows text and voice.")
    sway_sampling_coef: float = Field(-1.0, ge=-1, le=1, description="Where the sampler's steps lie; below 0: early.")
    max_retakes: int = Field(2, ge=0, le=10, description="How often a chunk that came out badly is spoken again.")
    whisperx_memory_mb: int = Field(4000, ge=100, description="Memory for alignment models that are kept loaded.")
    storage_dir: Path | None = Field(None, description="Folder store, used when S3_BUCKET is not set.")
    storage_block: str | None = Field(None, description="Prefect block that names the store.")
    max_text_chars: int = Field(20_000, gt=0, description="Longest text of one request.")
    f5_flows_home: Path = Field(
        default_factory=lambda: user_data_path("f5-flows"),
        description="Where the local server and the folder store live.",
    )
    keep_days: int = Field(30, ge=1, description="Days for which the local server keeps a run in its history.")
    keep_mb: int = Field(
        80, ge=5, description="Its database's size from which the oldest runs lose their steps and logs, then go."
    )
    prefect_api_url: str | None = Field(None, description="Prefect server; unset: a local one of our own.")
    prefect_api_auth_string: SecretStr | None = Field(None, description="What that server asks for: user:password.")
    prefect_api_key: SecretStr | None = Field(None, description="Instead of it, for Prefect Cloud.")
    prefect_patience: float = Field(300, gt=0, description="Seconds for which Prefect may not answer one call.")

    @property
    def storage_folder(self) -> Path:
        """The folder store's place."""
        return self.storage_dir or self.f5_flows_home / "storage"


# Variables that are nobody else's business.
SECRETS = tuple(name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))

# Those that a flow may need when it is imported, and that are no secrets.
PUBLIC = tuple(name.upper() for name in Settings.model_fields if name.upper() not in SECRETS)

# What other programs' variables of that kind are called.
_SECRET_ENDINGS = ("API_KEY", "ACCESS_KEY", "TOKEN", "SECRET", "PASSWORD", "AUTH_STRING")

# What any program may know: the places of programs, libraries, fonts and certificates; the language; the GPU.
_HARMLESS = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUTF8",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "XDG_CACHE_HOME", "XDG_DATA_HOME",
    "XDG_DATA_DIRS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
)  # fmt: skip


def settings() -> Settings:
    """The settings of this process, as its environment is now.

    Raises:
        SettingsError: a variable holds a value that is not accepted; the text names it, and never
            shows the value of a secret.
    """
    return _read(frozenset(os.environ.items()))


@lru_cache(maxsize=1)
def _read(variables: frozenset[tuple[str, str]]) -> Settings:
    try:
        return Settings()
    except ValidationError as fault:
        wrong = "; ".join(map(_fault, fault.errors()))
        raise SettingsError(f"The environment holds a value that is not accepted: {wrong}") from None


def _fault(error: Any) -> str:
    """What Pydantic found, as the variable, its value unless that is a text of any kind, and what is accepted."""
    name = str(error["loc"][0]).upper()
    field = Settings.model_fields[name.lower()]
    is_text = name in SECRETS or field.annotation in (str, str | None)
    shown = "" if is_text else f"={str(error['input'])[:60]!r}"
    expected = {"bool_parsing": "true or false", "int_parsing": "a whole number", "float_parsing": "a number"}.get(
        error["type"], error["msg"].removeprefix("Input should be ")
    )
    bounds = [
        f"{words} {getattr(limit, sign)}"
        for limit in field.metadata
        for sign, words in (("gt", "more than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most"))
        if getattr(limit, sign, None) is not None
    ]
    if error["type"] in ("int_parsing", "float_parsing"):
        expected = ", ".join([expected, *bounds])
    elif bounds:
        expected = ", ".join(bounds)
    return f"{name}{shown}; expected {expected}"


def export(**variables: str) -> None:
    """Set environment variables for libraries that read them."""
    os.environ.update(variables)


@contextmanager
def overridden(**variables: str) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def bypass_proxies(host: str) -> None:
    """Have a host reached directly, whatever proxy leads to the rest of the world."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ.get(name, "").split(",")
        if host not in hosts:
            os.environ[name] = ",".join(filter(None, (*hosts, host)))


def environment(without: tuple[str, ...] = (), **variables: str) -> dict[str, str]:
    """This process's environment for a child, changed as told."""
    return {name: value for name, value in os.environ.items() if name not in without} | variables


def bare_environment(*more: str, **variables: str) -> dict[str, str]:
    """An environment for a child that needs no secret and gets none: by a list of what is harmless.

    Args:
        more: patterns, in capitals, of further variables that it needs; letter case does not matter.
        variables: set besides.
    """
    wanted = (*_HARMLESS, *more)
    kept = {
        name: value
        for name, value in os.environ.items()
        if any(fnmatchcase(name.upper(), pattern) for pattern in wanted)
    }
    return kept | variables


def scrub(text: str) -> str:
    """A text without the secrets of this process, whoever put them there, and without what is secret in URLs."""
    return redact(text, _secrets())


def scrub_logs() -> None:
    """Let no secret into anything that is logged in this process from now on, wherever it is written."""
    make = logging.getLogRecordFactory()
    if getattr(make, "scrubs", False):
        return
    form = logging.Formatter()

    def scrubbed(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        # A message that does not fit its arguments is the handler's to complain of.
        with suppress(TypeError, ValueError):
            said = record.getMessage()
            if (kept := scrub(said)) != said:
                record.msg, record.args = kept, ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = scrub(form.formatException(record.exc_info))
        return record

    scrubbed.scrubs = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(scrubbed)


def _secrets() -> list[str]:
    found = [
        value for name, value in os.environ.items() if name.upper() in SECRETS or name.upper().endswith(_SECRET_ENDINGS)
    ]
    if path := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        found.append(_content(path))
    return found


@cache
def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")[:100_000]
    except (OSError, ValueError):
        return ""
