"""Redacting secrets in logs and messages, in every form in which libraries are likely to show them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

__all__ = ["HIDDEN", "redact"]

HIDDEN = "**********"

# Shorter secrets would also match unrelated text.
_SHORTEST = 6
_SHORTEST_ENCODED = 12

_Replacement = str | Callable[[re.Match[str]], str]


def _without_query(url: re.Match[str]) -> str:
    return f"{url[1]}?{HIDDEN}" if url[2] else url[1]


_RULES: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    # A user name and a password before a host.
    (re.compile(r"(?<=://)[^/?#@\s'\"]+@"), f"{HIDDEN}@"),
    # A URL's query, which may hold a signature. URLs without a query match too, so that no text is scanned twice.
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,30}://[^\s?#'\"<>]*)(\?[^\s'\"<>]+)?"), _without_query),
    # Signature parameters where only the path of a URL is shown.
    (re.compile(r"(?i)\b(x-(?:amz|goog)-(?:signature|security-token|credential)[=:]\s*)[^&\s'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\bauthorization['\"]?\s*[:=,]\s*(?:b?['\"])?(?:bearer |basic )?)[^\s'\",]+"), rf"\1{HIDDEN}"),
)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Remove secrets from a text, plain or encoded, and the passwords and queries of URLs.

    >>> redact("https://ann:hunter2@example.com/a.wav?sig=1 says hunter22", ["hunter22"])
    'https://**********@example.com/a.wav?********** says **********'
    """
    if pattern := _pattern(frozenset(secrets)):
        text = pattern.sub(HIDDEN, text)
    for rule, replacement in _RULES:
        text = rule.sub(replacement, text)
    return text


@lru_cache(maxsize=16)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
    # The longest first, as one may be a prefix of another.
    return re.compile("|".join(map(re.escape, sorted(forms, key=lambda form: (-len(form), form))))) if forms else None


def _parts(secret: str) -> Iterator[str]:
    """Yield a secret and the secrets inside it: the values of a JSON key file, and each line of a key."""
    yield secret
    try:
        values = json.loads(secret)
    except ValueError:
        return
    if isinstance(values, dict):
        for name, value in values.items():
            if isinstance(value, str) and "key" in name:
                yield value
                yield from (line for line in value.splitlines() if len(line) >= _SHORTEST and "-----" not in line)


def _forms(secret: str) -> Iterator[str]:
    if len(secret) < _SHORTEST:
        return
    quoted_once = _quoted(secret)
    twice = {json.dumps(form)[1:-1] for form in quoted_once}
    yield from quoted_once | twice | {html.escape(secret)}
    for encode in _PERCENT:
        encoded = encode(secret)
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    if len(secret) >= _SHORTEST_ENCODED:
        yield from _base64(secret.encode("utf-8", "replace"))


_PERCENT: tuple[Callable[[str], str], ...] = (
    quote,
    quote_plus,
    lambda text: quote(text, safe=""),
)


def _quoted(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}


def _base64(secret: bytes) -> Iterator[str]:
    """Yield the forms of a secret within base64-encoded data, at each of the three possible byte offsets."""
    for before, spoilt in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(secret)) * 4 // 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + secret).decode()[spoilt:whole]
