"""The form of a flow's parameters in Prefect's UI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

__all__ = ["Form"]

# Pydantic leaves the limits of an optional number under the names of its own arguments.
_LIMITS = {"ge": "minimum", "le": "maximum"}


@dataclass(frozen=True)
class Form:
    """How the form shows a parameter; annotate the parameter with it.

    Prefect's UI shows `X | None` as a choice between two types, and sends null until one is chosen. In the schema that
    this makes, an optional value is an `X` that may be left out, at every level. The server still takes null for texts,
    numbers and objects, but not for choices of values: the values that the form offers are those that it accepts.

    Attributes:
        hidden: fields of a model that the form does not show; the server accepts them all the same.
    """

    hidden: tuple[str, ...] = ()

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _WithoutDefault(self._plain(handler(core_schema), handler))

    def _plain(self, schema: JsonSchemaValue, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of a value as the form needs it; the models that it refers to are changed in place."""
        options = schema.get("anyOf", [])
        if {"type": "null"} in options:
            types = [option for option in options if option != {"type": "null"}]
            fields = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
            schema = (types[0] if len(types) == 1 else {"anyOf": types}) | fields
        for inner in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
            self._plain(inner, handler)
        if "const" in schema:
            schema["enum"] = [schema.pop("const")]
        model = handler.resolve_ref_schema(schema)
        if "properties" in model:
            self._arrange(model, handler)
        return {_LIMITS.get(name, name): value for name, value in schema.items()}

    def _arrange(self, model: JsonSchemaValue, handler: GetJsonSchemaHandler) -> None:
        """Give the fields of a model titles and positions: without one, the form would show a field before all others.

        Those that have a position come first.
        """
        fields: dict[str, Any] = model["properties"]
        for position, name in enumerate(sorted(fields, key=lambda name: fields[name].get("position", len(fields)))):
            title = name.replace("_", " ").title()
            field = self._plain(fields[name], handler)
            if "$ref" in field and name not in model.get("required", ()):
                # Written out: the server would refuse null for a reference.
                field = handler.resolve_ref_schema(field) | {key: field[key] for key in field if key != "$ref"}
            fields[name] = {**field, "title": title, "position": position}
        if hidden := [name for name in self.hidden if name in fields]:
            model["patternProperties"] = {f"^{name}$": fields.pop(name) for name in hidden}


class _WithoutDefault(JsonSchemaValue):
    """A schema without a default. Pydantic adds the parameter's, and the form would send it: null, which is no `X`."""

    def __setitem__(self, key: str, value: Any) -> None:
        if key != "default":
            super().__setitem__(key, value)
