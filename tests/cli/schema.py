"""The subset of JSON Schema that the project's schemas use."""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_KNOWN = {
    "$schema", "title", "description", "type", "enum", "minimum", "required", "properties",
    "items",
}  # fmt: skip


def check(value: Any, schema: dict[str, Any], at: str = "value") -> None:
    """Assert that `value` conforms to `schema`."""
    assert set(schema) <= _KNOWN, "a keyword this check does not know"
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        fits = [isinstance(value, _TYPES[name]) for name in types]
        assert any(fits), f"{at}: {value!r} is no {types}"
        assert not isinstance(value, bool) or "boolean" in types, at
    if "enum" in schema:
        assert value in schema["enum"], at
    if "minimum" in schema and value is not None:
        assert value >= schema["minimum"], at
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value), at
        # Stricter than the schemas, which let fields be added: each must be described.
        assert not properties or set(value) <= set(properties), at
        for name, member in value.items():
            if name in properties:
                check(member, properties[name], f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, member in enumerate(value):
            check(member, schema["items"], f"{at}[{number}]")
