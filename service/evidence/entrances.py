"""Every way in that the API's description promises: each operation, and in it each place where a caller can write something. Sends nothing, and invents no route.

Entrances are derived, not listed, so that a new operation or field is tried without anybody remembering to add it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.config import ROOT

DESCRIPTION = ROOT / "openapi.yaml"
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
#: What kind of place an entrance is.
PATH, QUERY, QUERY_NAME, FIELD, FIELD_NAME = "path", "query", "query name", "field", "field name"
HEADER, HEADER_NAME, MEDIA, BODY, WRONG_MEDIA = "header", "header name", "media type", "raw body", "other media type"
#: Headers that callers, browsers and proxies send, and what stands around a value there (`{}`).
HEADERS: Mapping[str, str] = {
    "User-Agent": "Wallet/{}",
    "Referer": "https://shop.example/pay?card={}",
    "X-Request-Id": "{}",
    "Idempotency-Key": "{}",
    "Authorization": "Bearer {}",
    "Cookie": "card={}",
    "Origin": "https://{}.example",
    "X-Forwarded-For": "{}",
    "X-Note": "{}",
}
#: Two that the gate drops unread, since nobody here reads them (`places.UNREAD_HEADERS`): the request goes on as if they were not there.
DROPPED = frozenset({"Cookie", "X-Request-Id"})
#: An acceptable value of each field and parameter that the description gives as a pattern. What is not here is taken from its schema.
SAMPLES: Mapping[str, Any] = {
    "plan": "team",
    "members": 3,
    "client_address": "203.0.113.7",
    "country": "US",
    "state": "MA",
    "zip": "02451",
    "email": "someone@example.com",
    "first_name": "Mira",
    "last_name": "Okafor",
    "amount": "1.00",
    "currency": "USD",
    "three_d_secure_reference": "1",
    "fraud_session_id": "ab",
    "reason": "other",
    "ticket": "SUP-1",
}


@dataclass(frozen=True)
class Operation:
    """One method of one path. `group` is its first tag, `locks` the names of the security schemes, empty for an open door; `body` is a valid document."""

    method: str
    path: str
    group: str
    locks: tuple[str, ...]
    keyed: bool
    media: str | None
    body: Any

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Entrance:
    """A place of an operation where something can be written. `at` is the parameter, the header, or the way through the document to the field."""

    operation: Operation
    kind: str
    at: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The place in words."""
        where = "/".join(self.at) if self.kind not in {FIELD, FIELD_NAME} else "/" + "/".join(self.at)
        return f"{self.kind} {where}".strip() if self.at or self.kind == FIELD_NAME else self.kind

    @property
    def name(self) -> str:
        """The operation and the place: what a report calls it."""
        return f"{self.operation.name} · {self.place}"

    @property
    def dropped(self) -> bool:
        """Whether what is written there is dropped unread."""
        return self.kind == HEADER and self.at[0] in DROPPED


class DescriptionError(Exception):
    """The description says something that is not understood here; its text says what, by our own names."""


def read(text: str | None = None) -> dict[str, Any]:
    """The description: the text that the running service gave, or the file beside the code. Raises DescriptionError."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise DescriptionError("PyYAML is missing: it comes with requirements-dev.txt") from None
    found = yaml.load(text if text is not None else Path(DESCRIPTION).read_text(encoding="utf-8"), yaml.CSafeLoader)
    if not isinstance(found, dict) or "paths" not in found:
        raise DescriptionError("the description has no paths")
    return found


def operations(description: Mapping[str, Any]) -> list[Operation]:
    """All operations, in the description's order."""
    return [
        _operation(description, method, path, described)
        for path, methods in description["paths"].items()
        for method, described in methods.items()
        if method in METHODS
    ]


def of(description: Mapping[str, Any]) -> list[Entrance]:
    """All entrances. Raises DescriptionError for a parameter that stands in a place which is not known here."""
    return [
        Entrance(operation, kind, at)
        for operation in operations(description)
        for kind, at in _places(description, operation)
    ]


def _operation(description: Mapping[str, Any], method: str, path: str, described: Mapping[str, Any]) -> Operation:
    content = described.get("requestBody", {}).get("content", {})
    media = next(iter(content), None)
    schema = _resolved(description, content[media]["schema"]) if media else {}
    keyed = any(one["name"] == "Idempotency-Key" for one in described.get("parameters", ()))
    locks = tuple(name for alternative in described.get("security", ()) for name in alternative)
    group = next(iter(described.get("tags", ())), "")
    body = _sample(description, "", schema) if media else None
    return Operation(method.upper(), path, group, locks, keyed, media, body)


def _places(description: Mapping[str, Any], operation: Operation) -> Iterator[tuple[str, tuple[str, ...]]]:
    described = description["paths"][operation.path][operation.method.lower()]
    headers = dict.fromkeys(HEADERS)
    for parameter in described.get("parameters", ()):
        name, where = parameter["name"], parameter["in"]
        if where == "header":
            headers[name] = None
        elif where in {PATH, QUERY}:
            yield where, (name,)
        else:
            raise DescriptionError(f"{operation.name} has a parameter in an unknown place")
    yield QUERY, ("unknown",)
    yield QUERY_NAME, ()
    content = described.get("requestBody", {}).get("content", {})
    for media in content:
        if media == "application/json":
            yield from _fields(description, content[media]["schema"], ())
    yield from ((HEADER, (name,)) for name in headers)
    yield from ((HEADER_NAME, ()), (MEDIA, ()), (BODY, ()), (WRONG_MEDIA, ()))


def _fields(
    description: Mapping[str, Any], schema: Mapping[str, Any], way: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each field of an object and of the objects in it; in each object also one that it does not know, by value and by name."""
    described = _resolved(description, schema)
    for name, inner in described.get("properties", {}).items():
        resolved = _resolved(description, inner)
        yield FIELD, (*way, name)
        if resolved.get("type") == "object":
            yield from _fields(description, resolved, (*way, name))
    yield FIELD, (*way, "unknown")
    yield FIELD_NAME, way


def _resolved(description: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Any = description
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **{name: value for name, value in schema.items() if name != "$ref"}}


def _sample(description: Mapping[str, Any], name: str, schema: Mapping[str, Any]) -> Any:
    """A value that the schema takes; of an object all fields, so that one wrong field is the only thing wrong about a document."""
    described = _resolved(description, schema)
    if described.get("type") == "object":
        fields = described.get("properties", {})
        return {field: _sample(description, field, inner) for field, inner in fields.items()}
    if name in SAMPLES:
        return SAMPLES[name]
    if "enum" in described:
        return described["enum"][0]
    if described.get("default") is not None:
        return described["default"]
    return {"integer": described.get("minimum", 1), "boolean": False}.get(described.get("type", ""), "sample")
