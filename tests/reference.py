"""The tables in docs/ that are made from the models, between two marks each.

python -m tests.reference
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deployments.endpoint.inputs import Download, Execute, OneJob, Status
from deployments.endpoint.reply import Inline
from speech.fields import CueRules
from speech.lexicons import Row
from speech.outputs import AUDIO, PIECES, PREVIEW, TIMINGS, content_type, key
from speech.records import Record
from speech.request import SpeechRequest
from speech.result import SpeechResult
from speech.settings import Settings
from speech.voices.library import Upload

__all__ = ["PAGES", "page"]

DOCS = Path(__file__).parent.parent / "docs"
PAGES = (DOCS / "settings.md", DOCS / "api.md")

_TABLE = re.compile(r"<!-- ([\w-]+): written by python -m tests\.reference -->\n.*?<!-- end of \1 -->\n", re.DOTALL)
# RunPod, uv and the libraries set these, not operators.
_GIVEN = {"runpod_ai_api_key", "runpod_pod_id", "runpod_webhook_get_job", "uv"}
_ELSEWHERE = {
    "f5_flows_home": "the user's data folder",
    "storage_dir": "`$F5_FLOWS_HOME/storage`",
}


def page(path: Path) -> str:
    """The text of a page as it should be."""
    return _TABLE.sub(lambda found: _marked(found[1], TABLES[found[1]]()), path.read_text(encoding="utf-8"))


def _marked(name: str, table: str) -> str:
    return f"<!-- {name}: written by python -m tests.reference -->\n\n{table}\n<!-- end of {name} -->\n"


def _settings() -> str:
    return _rows(
        ("variable", "default", ""),
        (
            (f"`{name.upper()}`", _ELSEWHERE.get(name, _default(field.default)), field.description)
            for name, field in Settings.model_fields.items()
            if name not in _GIVEN
        ),
    )


def _fields(model: type[BaseModel]) -> str:
    """A row for each field of a model: name, type, default, rule."""
    schema = model.model_json_schema()
    rows = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        kind = _type(schema["properties"][name]) + _limits(field)
        rows.append((f"`{name}`", kind, default, _cell(field.description or "")))
    return _rows(("field", "type", "default", ""), rows)


def _type(given: dict[str, Any]) -> str:
    """A field's type, in the words of JSON."""
    options = [_type(one) for one in given.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        return " or ".join(options)
    if "$ref" in given:
        return "object"
    if "enum" in given:
        return ", ".join(f"`{value}`" for value in given["enum"])
    if "const" in given:
        return f"`{given['const']}`"
    if given.get("type") == "array":
        return f"list of {_type(given['items'])}"
    return "text" if given.get("type") == "string" else str(given.get("type", "any"))


def _limits(field: FieldInfo) -> str:
    """The smallest and the largest number that a field takes."""
    found = [getattr(rule, name) for name in ("ge", "le") for rule in field.metadata if hasattr(rule, name)]
    return f", {found[0]} to {found[1]}" if len(found) == 2 else ""


def _keys() -> str:
    kinds = [*AUDIO, PIECES, *TIMINGS, PREVIEW]
    own = [
        ("jobs/<job_id>.json", "application/json"),
        ("voices/<name>.wav", "audio/wav"),
        ("voices/<name>.json", "application/json"),
        ("lexicons/<name>.csv", "text/csv"),
    ]
    rows = [(key("<job_id>", kind), content_type(kind)) for kind in kinds]
    return _rows(("key", "content type"), ((f"`{name}`", f"`{kind}`") for name, kind in [*rows, *own]))


def _rows(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(re.sub(r"  +", " ", f"| {' | '.join(map(str, line))} |\n") for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined or value == "":
        return ""
    if isinstance(value, datetime):
        return "now"
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


TABLES: dict[str, Callable[[], str]] = {
    "settings": _settings,
    "request": lambda: _fields(SpeechRequest),
    "cue-rules": lambda: _fields(CueRules),
    "lexicon-row": lambda: _fields(Row),
    "reply": lambda: _fields(SpeechResult),
    "inline": lambda: _fields(Inline),
    "upload": lambda: _fields(Upload),
    "status-input": lambda: _fields(Status),
    "job-input": lambda: _fields(OneJob),
    "download-input": lambda: _fields(Download),
    "execute-input": lambda: _fields(Execute),
    "record": lambda: _fields(Record),
    "stored-keys": _keys,
}


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path), encoding="utf-8")
