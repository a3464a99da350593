"""The environment."""

import pytest

from speech.errors import SettingsError
from speech.settings import Settings, settings

# As the runtime configuration of the earlier system has them.
DEFAULTS = {
    "aws_region": "us-east-1",
    "enable_s3_model_cache": True,
    "pytorch_cuda_alloc_conf": "max_split_size_mb:512",
    "request_timeout": 30,
    "processing_timeout": 300,
}


def test_the_defaults_are_those_that_operators_know():
    assert {name: getattr(Settings(), name) for name in DEFAULTS} == DEFAULTS


def test_a_wrong_value_is_named_and_a_secret_is_not_shown(monkeypatch):
    monkeypatch.setenv("REQUEST_TIMEOUT", "soon")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with pytest.raises(SettingsError, match="REQUEST_TIMEOUT") as caught:
        settings()
    assert "hunter2" not in str(caught.value)


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch):
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_CREDENTIALS_JSON", "RUNPOD_AI_API_KEY"):
        monkeypatch.setenv(name, "hunter2")
    assert "hunter2" not in repr(settings()) + str(settings()) + settings().model_dump_json()


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("S3_BUCKET", "")
    assert settings().s3_bucket is None
