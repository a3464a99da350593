"""The settings, and all other access to the environment."""

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

from speech.choices import EngineName
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


class Settings(BaseSettings):
    """Every environment variable that this project reads, with its default.

    The names are those that operators of the earlier system already use. An empty variable counts as
    unset.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", case_sensitive=False)

    s3_bucket: str | None = Field(None, description="Bucket for voices, outputs and models.")
    aws_access_key_id: SecretStr | None = Field(None, description="Access key; not needed if a role grants access.")
    aws_secret_access_key: SecretStr | None = Field(None, description="Secret key of AWS_ACCESS_KEY_ID.")
    aws_session_token: SecretStr | None = Field(None, description="Session token of temporary credentials.")
    aws_region: str = Field("us-east-1", description="Region of the bucket.")
    aws_endpoint_url: str | None = Field(None, description="URL of an S3-compatible service.")
    aws_ca_bundle: Path | None = Field(None, description="CA certificates to trust for AWS_ENDPOINT_URL.")
    enable_s3_model_cache: bool = Field(True, description="Keep models in the bucket.")

    google_credentials_json: SecretStr | None = Field(None, description="Service account, as JSON.")
    google_application_credentials: Path | None = Field(None, description="Service account, as a file.")
    google_cloud_project: str | None = Field(None, description="Project that is billed.")
    google_speech_endpoint: str | None = Field(
        None, description="Other API endpoint, such as eu-speech.googleapis.com; http://host:port is used without TLS."
    )

    pytorch_cuda_alloc_conf: str = Field("max_split_size_mb:512", description="Passed to PyTorch.")

    runpod_ai_api_key: SecretStr | None = Field(None, description="The container's API key; set by RunPod.")
    runpod_endpoint_id: str | None = Field(
        None, description="Endpoint to which runs are sent; in a container, RunPod sets it."
    )
    runpod_pod_id: str | None = Field(None, description="Set by RunPod.")
    runpod_webhook_get_job: str | None = Field(None, description="Set by RunPod in serverless workers only.")
    runpod_api_key: SecretStr | None = Field(None, description="Your API key, used to send runs to RunPod.")
    runpod_job_url: str = Field("https://api.runpod.ai/v2", description="Base URL of RunPod's job API.")
    runpod_management_url: str = Field("https://api.runpod.io/v2", description="Base URL of RunPod's management API.")
    runpod_patience: float = Field(
        120, gt=0, description="Seconds for which a call is retried while RunPod does not answer."
    )
    runpod_reconcile_seconds: float = Field(
        15, gt=0, description="Seconds between a worker's checks for runs that no worker watches."
    )
    runpod_submit_grace: float = Field(
        180, gt=0, description="Seconds after which a run that was claimed but never submitted is submitted again."
    )

    endpoint_concurrency: int = Field(
        6, ge=1, le=32, description="Jobs that a container processes at once; only one uses the GPU at a time."
    )
    child_memory_mb: int = Field(
        0, ge=0, description="The child process is replaced when it uses more memory; 0: no limit."
    )
    child_runs: int = Field(1000, ge=1, description="The child process is replaced after this many runs.")
    child_silence: float = Field(
        60, gt=0, description="Seconds without a heartbeat after which the child process is replaced."
    )
    cancel_grace: float = Field(30, gt=0, description="Seconds that a cancelled run may take to stop.")
    lease_seconds: float = Field(
        30, gt=0, description="Seconds without a heartbeat of its holder after which a run may be taken over."
    )
    step_retries: int = Field(
        2, ge=0, le=20, description="Retries of a step when a store does not answer; each pause is twice as long."
    )
    notify_url: SecretStr | None = Field(None, description="Webhook that is notified of failed runs.")

    fetch_private: bool = Field(False, description="Allow clients to name URLs on private networks.")
    fetch_ca_bundle: Path | None = Field(None, description="CA certificates to trust for URLs that clients name.")
    request_timeout: float = Field(30, gt=0, description="Seconds for one HTTP request, or without progress in it.")
    setup_timeout: float = Field(1800, gt=0, description="Seconds for installing components or fetching models.")
    processing_timeout: float = Field(
        300,
        gt=0,
        description="Seconds for one synthesis or alignment; in proportion more where a text exceeds MAX_TEXT_CHARS.",
    )

    google_block: str | None = Field(
        None, description="Prefect block google-speech/<name>; takes precedence over the other GOOGLE_ credentials."
    )
    gpu_usd_per_hour: float = Field(0.0, ge=0, description="Dollars, for the cost that `narrate --plan` estimates.")
    google_price_per_minute: float = Field(0.024, ge=0, description="Dollars, for the cost estimate in the result.")

    runpod_volume: Path = Field(Path("/runpod-volume"), description="Where RunPod mounts a network volume.")
    uv: Path | None = Field(None, description="The uv program; `uv run` sets it.")
    runtime_dir: Path | None = Field(
        None, description="Where runtime components are installed. Default: on the network volume, else F5_FLOWS_HOME."
    )
    models_dir: Path | None = Field(
        None, description="Where models are kept. Default: on the network volume if it has space, else F5_FLOWS_HOME."
    )
    flash_attn_wheels: str = Field(
        "https://github.com/Dao-AILab/flash-attention/releases/download",
        description="Base URL of the wheels of flash-attn.",
    )

    engine: EngineName = Field("auto", description="auto, f5-tts or espeak.")
    f5_model: str = Field(
        "F5-TTS", description="Checkpoint: F5-TTS means F5TTS_v1_Base; others come from the model cache."
    )
    f5_dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="auto: float16 on a GPU, float32 elsewhere."
    )
    flash_attention: bool = Field(False, description="Use flash-attn instead of PyTorch's own attention.")
    nfe_step: int = Field(32, ge=4, le=128, description="Sampler steps; 5, 6, 7, 10, 12 and 16 use pruned schedules.")
    cfg_strength: float = Field(2.0, ge=0, le=10, description="How closely the speech follows text and voice.")
    sway_sampling_coef: float = Field(
        -1.0, ge=-1, le=1, description="Distribution of the sampler's steps; below 0: more of them early."
    )
    max_retakes: int = Field(2, ge=0, le=10, description="How often a chunk that came out badly is spoken again.")
    models_memory_mb: int = Field(
        8000, ge=100, description="Memory for models that stay loaded, of all engines and aligners together."
    )
    storage_dir: Path | None = Field(None, description="Folder store, used when S3_BUCKET is not set.")
    storage_block: str | None = Field(None, description="Prefect block that names the store.")
    max_text_chars: int = Field(
        20_000, gt=0, description="Maximum length in characters of the text of one request over RunPod."
    )
    f5_flows_home: Path = Field(
        default_factory=lambda: user_data_path("f5-flows"),
        description="Folder of the local server and the folder store.",
    )
    keep_days: int = Field(30, ge=1, description="Days for which the local server keeps a run in its history.")
    keep_mb: int = Field(
        80,
        ge=5,
        description="Size of the local server's database above which the oldest runs lose their steps and logs, "
        "then are removed.",
    )
    server_idle_hours: float = Field(
        8,
        ge=0,
        description="Hours without a client after which the local server ends, unless runs or schedules need it; "
        "0: it stays.",
    )
    warm_minutes: float = Field(
        10,
        ge=0,
        le=10_080,
        description="Minutes without work after which the process ends that makes the next `speak` quick; 0: none.",
    )
    prefect_api_url: str | None = Field(
        None, description="Prefect server; if unset, a local one is started and managed."
    )
    prefect_api_auth_string: SecretStr | None = Field(None, description="Credentials for that server: user:password.")
    prefect_api_key: SecretStr | None = Field(None, description="API key for Prefect Cloud, instead of user:password.")
    prefect_patience: float = Field(
        300, gt=0, description="Seconds for which a call is retried while Prefect does not answer."
    )

    @property
    def storage_folder(self) -> Path:
        """The root of the folder store."""
        return self.storage_dir or self.f5_flows_home / "storage"


# Variables that hold secrets.
SECRETS = tuple(name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))

# All other variables, which a flow may need when it is imported.
PUBLIC = tuple(name.upper() for name in Settings.model_fields if name.upper() not in SECRETS)

# Name endings of the variables in which other programs hold secrets.
_SECRET_ENDINGS = ("API_KEY", "ACCESS_KEY", "TOKEN", "SECRET", "PASSWORD", "AUTH_STRING")

# Variables that any program may see: paths of programs, libraries, fonts and certificates; the language; the GPU.
_HARMLESS = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUTF8",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "XDG_CACHE_HOME", "XDG_DATA_HOME",
    "XDG_DATA_DIRS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
)  # fmt: skip


def settings() -> Settings:
    """Return the settings according to the current environment of this process.

    Raises:
        SettingsError: a variable holds an invalid value; the text names the variable, and never shows
            the value of a secret.
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
    """Describe a validation error: the variable, its value unless it is free text, and what is accepted."""
    name = str(error["loc"][0]).upper()
    field = Settings.model_fields[name.lower()]
    is_text = name in SECRETS or field.annotation in (str, str | None)
    assignment = "" if is_text else f"={str(error['input'])[:60]!r}"
    accepted = {"bool_parsing": "true or false", "int_parsing": "a whole number", "float_parsing": "a number"}.get(
        error["type"], error["msg"].removeprefix("Input should be ")
    )
    bounds = [
        f"{words} {getattr(limit, sign)}"
        for limit in field.metadata
        for sign, words in (("gt", "more than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most"))
        if getattr(limit, sign, None) is not None
    ]
    if error["type"] in ("int_parsing", "float_parsing"):
        accepted = ", ".join([accepted, *bounds])
    elif bounds:
        accepted = ", ".join(bounds)
    return f"{name}{assignment}; expected {accepted}"


def export(**variables: str) -> None:
    """Set environment variables for libraries that read them."""
    os.environ.update(variables)


@contextmanager
def overridden(**variables: str) -> Iterator[None]:
    """Set environment variables within the block."""
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
    """Exclude a host from the configured proxies."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ.get(name, "").split(",")
        if host not in hosts:
            os.environ[name] = ",".join(filter(None, (*hosts, host)))


def environment(without: tuple[str, ...] = (), **variables: str) -> dict[str, str]:
    """Return this process's environment for a child process, without some variables and with others set."""
    return {name: value for name, value in os.environ.items() if name not in without} | variables


def bare_environment(*more: str, **variables: str) -> dict[str, str]:
    """Return an environment for a child process without any secrets: only harmless variables, by an allowlist.

    Args:
        more: upper-case patterns of further variables to pass on; they match in any letter case.
        variables: additional variables to set.
    """
    patterns = (*_HARMLESS, *more)
    harmless = {
        name: value
        for name, value in os.environ.items()
        if any(fnmatchcase(name.upper(), pattern) for pattern in patterns)
    }
    return harmless | variables


def scrub(text: str) -> str:
    """Redact the secrets of this process, and the secret parts of URLs, in a text."""
    return redact(text, _secrets())


def scrub_logs() -> None:
    """Redact secrets in everything that this process logs from now on, whatever the handler."""
    make = logging.getLogRecordFactory()
    if getattr(make, "scrubs", False):
        return
    formatter = logging.Formatter()

    def scrubbed(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        # If a message does not fit its arguments, the handler reports that.
        with suppress(TypeError, ValueError):
            message = record.getMessage()
            if (redacted := scrub(message)) != message:
                record.msg, record.args = redacted, ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = scrub(formatter.formatException(record.exc_info))
        return record

    scrubbed.scrubs = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(scrubbed)


def _secrets() -> list[str]:
    """Return the values of secret variables, and the content of the Google credentials file."""
    secrets = [
        value for name, value in os.environ.items() if name.upper() in SECRETS or name.upper().endswith(_SECRET_ENDINGS)
    ]
    if path := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        secrets.append(_content(path))
    return secrets


@cache
def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")[:100_000]
    except (OSError, ValueError):
        return ""
