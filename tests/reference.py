"""The table of all settings in docs/settings.md, made from `Settings`.

python -m tests.reference
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from speech.settings import Settings

__all__ = ["PAGE", "page", "table"]

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
_BEGIN, _END = "<!-- settings: written by python -m tests.reference -->\n", "<!-- end of settings -->\n"
# RunPod, uv and the libraries set these, not operators.
_GIVEN = {"runpod_ai_api_key", "runpod_pod_id", "runpod_webhook_get_job", "uv"}
_ELSEWHERE = {"f5_flows_home": "the user's data folder", "storage_dir": "`$F5_FLOWS_HOME/storage`"}


def table() -> str:
    """A row for each variable that an operator may set."""
    rows = ["| variable | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if name not in _GIVEN:
            default = _ELSEWHERE.get(name, _shown(field.default))
            rows.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    return f"{before}{_BEGIN}\n{table()}\n{_END}{rest.partition(_END)[2]}"


def _shown(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
