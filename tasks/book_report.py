"""The state of a book: shown in Prefect's UI, kept in the store for `f5-flows book status`, and returned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import FlowRun

from speech.books import order
from speech.books.edition import CHARACTERS_A_SECOND, MissingKeys
from speech.books.order import FOLDER
from tasks.book import BookContext
from tasks.progress import publish
from tasks.report import plain
from tasks.step import step

__all__ = ["PartRun", "report"]


@dataclass(frozen=True, slots=True)
class PartRun:
    """A run that speaks a part of a book, or binds it.

    Attributes:
        number: of the part; 0 for binding.
        missing: number of its lines that are not finished.
        is_final: whether it has ended and will not be retried automatically.
    """

    number: int
    missing: int
    run: FlowRun
    is_final: bool

    def facts(self) -> dict[str, Any]:
        """Return its entry in the state of the book."""
        state = self.run.state
        facts = {"part": self.number, "missing": self.missing, "run": str(self.run.id), "over": self.is_final}
        reason = (state.message if state else None) or "it ended, but its output is incomplete"
        return facts | {"state": state.name if state else None, "reason": reason if self.is_final else None}


async def report(context: BookContext, missing: MissingKeys, runs: list[PartRun], bound: str | None) -> dict[str, Any]:
    """Show, keep and return the state of a book.

    Args:
        runs: what is to be made of it still.
        bound: the edition whose files are there: this one, or that of its finished chapters; None if there are none.
    """
    edition = context.edition
    chapters = [
        {
            "title": chapter.title,
            "lines": len(chapter_lines),
            "finished": sum(
                line.key not in missing.takes and line.words not in missing.words for line in chapter_lines
            ),
        }
        for chapter, chapter_lines in zip(edition.chapters, edition.lines, strict=True)
    ]
    facts = {
        "book": context.name,
        "title": edition.book.title,
        "edition": edition.name,
        "engine": edition.engine.name,
        "finished": bound == edition.name,
        "over": bool(runs) and all(run.is_final for run in runs),
        "bound": bound,
        "choices": context.decided,
        "hours": round(edition.characters / CHARACTERS_A_SECOND / 3600, 2),
        "chapters": chapters,
        "runs": [run.facts() for run in runs],
    }
    await keep_state(context, facts)
    await publish(
        "state of the book",
        acreate_markdown_artifact(markdown=_table(facts), key=f"book-{context.edition.name}", description=context.name),
    )
    return facts


@step("keep the state", timeout="setup_timeout")
def keep_state(context: BookContext, facts: dict[str, Any]) -> None:
    """Store the state of a book, with the fingerprint of the order that it belongs to."""
    state = facts | {"of": order.fingerprint(context.store, context.name)}
    context.store.write(f"{FOLDER}{context.name}/state.json", json.dumps(state, ensure_ascii=False), "application/json")


def _table(facts: dict[str, Any]) -> str:
    rows = [
        f"| {plain(chapter['title'])} | {chapter['finished']} of {chapter['lines']} |" for chapter in facts["chapters"]
    ]
    runs = [
        f"- part {run['part']}: {run['state']}" if run["part"] else f"- bind: {run['state']}" for run in facts["runs"]
    ]
    head = [f"**{plain(facts['title'])}**, about {facts['hours']} hours", "", "| chapter | chunks |", "| --- | --- |"]
    lacking = [plain(each["title"]) for each in facts["chapters"] if each["finished"] < each["lines"]]
    reasons = [f"- part {run['part']}: {plain(run['reason'])}" for run in facts["runs"] if run["reason"]]
    if facts["over"] and lacking:
        whole = len(facts["chapters"]) - len(lacking)
        rest = f"{whole} of {len(facts['chapters'])} chapters are bound" if facts["bound"] else "nothing is bound"
        reasons += [
            "",
            f"**Missing**, and not tried again by itself ({rest}):",
            "",
            *(f"- {title}" for title in lacking),
        ]
    return "\n".join([*head, *rows, "", *runs, *reasons])
