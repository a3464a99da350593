"""Asking a Prefect server, ours or somebody else's, whether it is healthy and lets us in."""

from __future__ import annotations

from base64 import b64encode

import httpx

from speech.errors import ServerError
from speech.settings import settings

__all__ = ["LOOKS", "basic", "probe", "require"]

_ANSWER_SECONDS = 5

# What is asked only to see whether a server is there.
LOOKS = ("/health", "/admin/version")


def probe(api: str, headers: dict[str, str], seconds: float) -> int | None:
    """Return 200 if a server is healthy and accepts the headers, 401 or 403 if it refuses them, else None."""
    health_path, guarded_path = LOOKS
    try:
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        # Reading the certificates of all authorities takes longer than the answer of a server on this machine.
        with httpx.Client(headers=encoded, timeout=seconds, trust_env=False, verify=api.startswith("https")) as client:
            health = client.get(f"{api}{health_path}")
            if health.status_code in (401, 403):
                return health.status_code
            if health.text.strip() != "true":
                return None
            # Prefect reports its health without a password.
            status = client.get(f"{api}{guarded_path}").status_code
            return status if status in (401, 403) else 200
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


def require(api: str) -> None:
    """Check that a server that somebody else runs can be used.

    Raises:
        ServerError: it does not answer, or refuses our credentials.
    """
    values = settings()
    if values.prefect_api_auth_string:
        name, headers = "PREFECT_API_AUTH_STRING", basic(values.prefect_api_auth_string.get_secret_value())
    elif values.prefect_api_key:
        name, headers = "PREFECT_API_KEY", {"Authorization": f"Bearer {values.prefect_api_key.get_secret_value()}"}
    else:
        name, headers = None, {}
    status = probe(api, headers, _ANSWER_SECONDS)
    if status in (401, 403):
        raise ServerError(
            f"The Prefect server at {api} (PREFECT_API_URL) refuses our calls ({status}): "
            + (f"{name} was rejected; correct it." if name else "set PREFECT_API_AUTH_STRING to its credentials.")
        )
    if status != 200:
        raise ServerError(
            f"The Prefect server at {api} (PREFECT_API_URL) does not answer; start it, correct the address, "
            "or unset PREFECT_API_URL to use a local server."
        )


def basic(text: str) -> dict[str, str]:
    """Return the header of a user and password, written user:password."""
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}
