"""Secrets that can be told from everything else, for every variable that may hold one."""

from __future__ import annotations

import json
from typing import Any

from speech.settings import SECRETS, Settings

__all__ = ["NO_SECRET", "account", "marked", "seen", "variables"]

# A name that services show, as one shows a user's; what goes with it is the secret.
NO_SECRET = frozenset({"AWS_ACCESS_KEY_ID"})


def marked(name: str) -> str:
    """A value for a variable; no part of it occurs anywhere else.

    >>> marked("RUNPOD_API_KEY")
    'mark-runpod-api-key-s3cr3t/+=&'
    """
    return f"mark-{name.lower().replace('_', '-')}-s3cr3t/+=&"


def account() -> dict[str, Any]:
    """A Google service account, its key marked on each line."""
    lines = [f"mark-google-line-{number}-s3cr3t/+=" for number in range(3)]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
    return {
        "type": "service_account", "project_id": "p", "private_key": key, "client_email": "a@p.iam",
        "private_key_id": "mark-google-id-s3cr3t", "token_uri": "https://oauth2.googleapis.com/token",
    }  # fmt: skip


def variables() -> dict[str, str]:
    """Every setting that is a secret, marked, so that a new one is never forgotten."""
    special = {
        "GOOGLE_CREDENTIALS_JSON": json.dumps(account()),
        "NOTIFY_URL": f"http://127.0.0.1:9/hook/{marked('NOTIFY_URL').replace('/', '-')}",
    }
    found = {name: special.get(name, marked(name)) for name in SECRETS}
    assert set(special) <= set(found)
    return found


def seen(text: str) -> set[str]:
    """The marks that a text shows, in whatever form: all have one part that no encoding but base64 changes."""
    names = {*Settings.model_fields, "google_line", "google_id"}
    found = {name for name in names if f"mark-{name.replace('_', '-')}-s3cr3t".lower() in text.lower()}
    return {name.upper() for name in found} - NO_SECRET
