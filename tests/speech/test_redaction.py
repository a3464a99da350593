"""Secrets are taken out of what is logged, in whatever form a library shows them."""

import base64
import html
import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from speech.redaction import HIDDEN, redact
from speech.settings import scrub, scrub_logs
from tests import marks

SECRET = 'wJalr/XUtn"FEMI+K7\nMDENG\\bPx=&é'

FORMS = {
    "as it is": lambda secret: secret,
    "in JSON": json.dumps,
    "in JSON that keeps its letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "in JSON in JSON": lambda secret: json.dumps(json.dumps({"key": secret})),
    "as Python shows it": repr,
    "in an error's repr": lambda secret: repr(ValueError(f"bad key {secret}")),
    "in a URL": lambda secret: f"http://x/{quote(secret)}",
    "in a form": quote_plus,
    "in a URL in small letters": lambda secret: quote(secret, safe="").lower().replace(secret.lower(), secret),
    "on a page": html.escape,
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "behind a name in base64": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "inside something in base64": lambda secret: base64.b64encode(f"xy{secret}zz".encode()).decode(),
}


@pytest.mark.parametrize("form", [name for name in FORMS if "small" not in name])
def test_a_secret_is_found(form):
    shown = FORMS[form](SECRET)
    kept = redact(f"before {shown} after", [SECRET])
    assert kept.startswith("before ") and kept.endswith(" after") and HIDDEN in kept
    assert len(kept) < len("before  after") + len(shown)
    assert not any(part in kept for part in ("wJalr", "FEMI", "MDENG", "d0phbH"))


def test_percent_signs_may_be_in_small_letters():
    assert redact("k=abc%2fdef%2bghi.", ["abc/def+ghi"]) == f"k={HIDDEN}."


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET https://x.org/a.wav?X-Amz-Signature=00ff done", f"GET https://x.org/a.wav?{HIDDEN} done"),
        ("to 'https://ann:hunter2@x.org/'", f"to 'https://{HIDDEN}@x.org/'"),
        ("postgresql+asyncpg://ann:p%40ss@db:5432/prefect", f"postgresql+asyncpg://{HIDDEN}@db:5432/prefect"),
        ("(b'Authorization', b'Bearer abc.def')", f"(b'Authorization', b'Bearer {HIDDEN}')"),
        ("Authorization: Basic dTpw", f"Authorization: Basic {HIDDEN}"),
        ("target=b'/a?X-Amz-Signature=00ff&X-Amz-Date=1'", f"target=b'/a?X-Amz-Signature={HIDDEN}&X-Amz-Date=1'"),
        ("x-amz-security-token:FwoGZXIvYXdzEB", f"x-amz-security-token:{HIDDEN}"),
        ("View at http://127.0.0.1:4200/runs/flow-run/7f", "View at http://127.0.0.1:4200/runs/flow-run/7f"),
        ("Is this a question? Yes: mail ann@x.org.", "Is this a question? Yes: mail ann@x.org."),
    ],
)  # fmt: skip
def test_what_is_secret_in_a_url_or_a_header_needs_not_be_known(text, kept):
    assert redact(text, []) == kept


def test_each_line_of_a_services_key_is_found(monkeypatch, tmp_path):
    account = marks.account()
    monkeypatch.setenv("GOOGLE_CREDENTIALS_JSON", json.dumps(account))
    for shown in (json.dumps(account), account["private_key"], account["private_key"].splitlines()[2]):
        assert not marks.seen(scrub(f"it said {shown}"))
    monkeypatch.delenv("GOOGLE_CREDENTIALS_JSON")
    (tmp_path / "key.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    assert not marks.seen(scrub(f"it said {account['private_key']}"))
    assert scrub(f"no file {tmp_path}/key.json") == f"no file {tmp_path}/key.json"


def test_every_setting_that_is_a_secret_is_found_in_a_log(monkeypatch):
    for name, value in marks.variables().items():
        monkeypatch.setenv(name, value)
    everything = " ".join(marks.variables().values())
    assert len(marks.seen(everything)) >= 6
    assert not marks.seen(scrub(everything))


@pytest.fixture
def logged(monkeypatch):
    """What a handler that knows nothing of us writes."""
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    before = logging.getLogRecordFactory()
    scrub_logs()
    log, handler = logging.getLogger("some.library"), Handler()
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    monkeypatch.setenv("RUNPOD_API_KEY", "mark-runpod-api-key-s3cr3t")
    yield log, lines
    log.removeHandler(handler)
    logging.setLogRecordFactory(before)


def test_whatever_a_library_logs_is_scrubbed_before_any_handler_sees_it(logged):
    log, lines = logged
    log.debug("HTTP Request: %s %s", "GET", "https://x.org/?key=mark-runpod-api-key-s3cr3t")
    log.info({"key": "mark-runpod-api-key-s3cr3t"})
    try:
        raise ValueError("refused: mark-runpod-api-key-s3cr3t")
    except ValueError:
        log.exception("It failed")
    assert len(lines) == 3 and not marks.seen("\n".join(lines))
    assert "ValueError: refused: **********" in lines[2]


def test_a_line_without_a_secret_keeps_its_arguments(logged):
    log, lines = logged
    log.info("%s of %d", "one", 2)
    assert lines == ["one of 2"]
