"""What all doors share: a door routes nothing but operations, each behind its lock."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from marshmallow import ValidationError

from service import crashpoints
from service.billing.tools import Tools
from service.errors import Code, Refusal
from service.web import problems
from service.web.admission import Admission
from service.web.bodies import read_json
from service.web.idempotent import Answered, answer_once
from service.web.operation import Body, Call, Operation, Reply, View

JSON = "application/json"


class Door(Blueprint):
    """A blueprint for one kind of caller. Nothing is routed but by `operation`, which cannot be called without a lock.

    `part` names whose login of the database its operations work with; locks ask who somebody is with the login of `serve`.
    """

    def __init__(self, name: str, *, browser: bool = False, part: str | None = None) -> None:
        super().__init__(name, __name__)
        self.browser = browser
        self.part = part
        self.operations: list[Operation] = []

    def operation(self, method: str, path: str, **declared: Any) -> Callable[[View], View]:
        """Declare an operation and route it to the function below."""

        def declare(view: View) -> View:
            operation = Operation(method=method, path=path, name=f"{self.name}.{view.__name__}", **declared)
            self.operations.append(operation)
            rule = path.replace("{", "<").replace("}", ">")
            self.add_url_rule(rule, f"{view.__name__}", _handler(operation, view, self.part), methods=[method])
            if self.browser:
                self.add_url_rule(rule, f"{view.__name__}_preflight", _preflight, methods=["OPTIONS"])
            return view

        return declare


def tools() -> Tools:
    """The tools of the application that serves this request."""
    found: Tools = current_app.extensions["panless"]
    return found


def _preflight(**_: str) -> Response:
    """A browser asks whether its page may call; the answer depends on nothing but the settings (app.py adds the CORS headers)."""
    return Response(status=204)


def _handler(operation: Operation, view: View, part: str | None) -> Callable[..., Response]:
    def handle(**args: str) -> Response:
        caller = operation.lock.open(request, tools(), args)
        g.caller = caller
        call = Call(tools().of_part(part), caller, _body(operation), g.request_id, _query(operation))
        crashpoints.reach(crashpoints.REQUEST_VALIDATED)
        with _admitted(operation):
            if not operation.idempotent:
                return _render(view(call, **args))
            answered = answer_once(call, operation, args, act=lambda: _written(view(call, **args)))
        return _response(answered)

    return handle


def _admitted(operation: Operation) -> AbstractContextManager[None]:
    """For a request that calls BlueSnap, right before anything is claimed or done: whether it may. Raises Refusal."""
    if not operation.calls_bluesnap:
        return nullcontext()
    slots: Admission = current_app.extensions["panless_admission"]
    return slots.admitted(request.environ.get("gunicorn.socket"))


def _body(operation: Operation) -> dict[str, Any]:
    """The validated fields, under their own names. Raises Refusal."""
    return _loaded(operation.body, read_json(request)) if operation.body is not None else {}


def _query(operation: Operation) -> dict[str, Any]:
    """The validated query parameters. Raises Refusal; a parameter given twice is refused, for two readers may each take another one."""
    if operation.query is None:
        return {}
    given = dict(request.args.lists())
    if any(len(values) > 1 for values in given.values()):
        raise Refusal(Code.DUPLICATE_KEY)
    return _loaded(operation.query, {name: values[0] for name, values in given.items()})


def _loaded(kind: type[Body], given: Any) -> dict[str, Any]:
    schema = kind()
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        raise problems.of_validation(error, schema.fields) from None
    return loaded


def _written(reply: Reply) -> Answered:
    data = reply.schema().dump(reply.data) if reply.schema is not None else None
    return Answered(reply.status, data, dict(reply.headers))


def _render(reply: Reply) -> Response:
    return reply.raw if reply.raw is not None else _response(_written(reply))


def _response(answered: Answered) -> Response:
    if answered.body is None:
        return Response(status=answered.status, headers=answered.headers)
    return Response(json.dumps(answered.body), answered.status, answered.headers, content_type=JSON)
