"""What Pydantic found wrong with a client's input, in the words of the contract."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import (
    BaseModel,
    ValidationError,
)
from pydantic.fields import FieldInfo

from speech.errors import Problem

__all__ = ["problems_of"]

_MOST_PROBLEMS = 20


def problems_of(fault: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Translate Pydantic's errors into the contract's wording; of very many only the first."""
    errors = fault.errors(include_url=False)
    problems = [_problem(error, model) for error in errors[:_MOST_PROBLEMS]]
    if more := len(errors) - len(problems):
        problems.append(Problem("request", None, "", f"and {more} more problems"))
    return problems


def _problem(error: Any, model: type[BaseModel]) -> Problem:
    path = ".".join(_printable(str(part)) for part in error["loc"]) or "request"
    name = _printable(str(error["loc"][0])) if error["loc"] else "request"
    value, kind = error["input"], error["type"]
    owner = _owner(model, error["loc"])
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), owner.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(owner.model_fields)}"
        return Problem(path, value, hint, f"{path}: unknown field; {hint}")
    if name == "text" and (kind == "missing" or value is None):
        return Problem("text", None, "the script", "Text input is required")
    if kind == "value_error":
        return Problem(name, value, "", str(error["ctx"]["error"]))
    if kind == "missing":
        return Problem(path, None, "a value", f"{path} is required")
    if kind == "string_unicode" and isinstance(value, str):
        sentence = f"{path}: {value[:40]!r} holds half of a surrogate pair; expected Unicode text"
        return Problem(path, value, "", sentence)
    field = owner.model_fields.get(str(error["loc"][-1])) if error["loc"] else None
    return Problem(path, value, _accepted(error, field))


def _printable(name: str) -> str:
    """Make a field's name, which a client may choose freely, short and printable."""
    short = name if len(name) <= 60 else name[:57] + "..."
    return short if short.isprintable() else repr(short)[1:-1]


def _owner(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel]:
    """Return the model that holds the last field of a path."""
    for name in path[:-1]:
        field = model.model_fields.get(str(name))
        model = next(_models(field.annotation), model) if field else model
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models within the type of a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _accepted(error: Any, field: FieldInfo | None) -> str:
    """Describe the values that a field accepts."""
    context, kind = error.get("ctx", {}), error["type"]
    if kind == "literal_error":
        return "one of " + str(context["expected"]).replace("'", "").replace(" or ", ", ")
    limits = [
        getattr(rule, name)
        for name in ("ge", "le")
        for rule in (field.metadata if field else ())
        if hasattr(rule, name)
    ]
    if len(limits) == 2:
        whole = "whole " if isinstance(limits[1], int) and "int" in str(field and field.annotation) else ""
        return f"a {whole}number from {limits[0]} to {limits[1]}"
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    words = {
        "bool": "true or false",
        "string": "a text",
        "list": "a list",
        "int": "a whole number",
        "model": "an object",
    }
    return next((text for key, text in words.items() if kind.startswith(key)), str(error["msg"]).lower())
