"""What an operation is: declared once, with its lock, its body and its answers; the declaration drives the view, the tests and openapi.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response
from marshmallow import RAISE, Schema

from service.billing.tools import Tools
from service.cardguard.fields import MESSAGES
from service.errors import Code
from service.store.journal import Origin
from service.web.locks import Caller, Lock


class Body(Schema):
    """The base of every request body and every query: unknown fields are refused, and complaints are codes."""

    error_messages = MESSAGES

    class Meta:
        """Refuse what is not declared."""

        unknown = RAISE


class Nothing(Body):
    """An empty object."""


@dataclass(frozen=True)
class Call:
    """One request, past its lock and its validation."""

    tools: Tools
    caller: Caller
    body: dict[str, Any]
    request_id: str
    query: dict[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        """Who acts, for the journal."""
        return Origin(self.caller.actor, self.request_id)


@dataclass(frozen=True)
class Reply:
    """What a view answers; `schema` writes it. `raw` is for what is no JSON."""

    status: int
    data: Any = None
    schema: type[Schema] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Response | None = None


View = Callable[..., Reply]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method on one path: everything that a caller, a test or the API's description needs to know of it.

    `query` describes the parameters after the `?`, which arrive as text; an operation without one does not look at them. It goes with
    reading only: an idempotency key remembers the body, not the query. `answers` maps a status to the schema of its body; `problems`
    are the codes beyond those that its lock, its body, its query and its key imply.
    `restore` puts the secrets back into a kept answer, which holds none. `calls_bluesnap`: it may wait for BlueSnap, so it takes a slot
    (admission.py), and nothing is called for a client who is gone. `answers_alone`: without BlueSnap it answers as well, says so, and has no problem of BlueSnap's.
    """

    method: str
    path: str
    name: str
    summary: str
    lock: Lock
    answers: Mapping[int, type[Schema] | None]
    body: type[Body] | None = None
    query: type[Body] | None = None
    form: bool = False
    idempotent: bool = False
    matches: bool = False
    calls_bluesnap: bool = False
    answers_alone: bool = False
    problems: tuple[Code, ...] = ()
    restore: Callable[[Call, dict[str, Any]], dict[str, Any]] | None = None
