"""The way of every call on the protocol face: its key, its ordered fault, its work, its answer. No handler may touch the request but through the Exchange it is given."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask import Response, request

from simulator import answers
from simulator.altering import altered
from simulator.answers import Answer, Refused
from simulator.faults import Fault
from simulator.idempotency import Ticket, digest_of
from simulator.tokens import spend
from simulator.wire import hang_up

if TYPE_CHECKING:
    from simulator.world import World

VERSIONS = {"1.0", "2.0", "3.0"}


@dataclass(frozen=True)
class Exchange:
    """What a handler may know of a request. `body` is the JSON object, with decimals unharmed."""

    world: World
    body: dict[str, Any]
    query: Mapping[str, str]
    version: str
    base: str

    def missing(self, what: str) -> Refused:
        """403 in the form that the behaviour asks for."""
        return Refused(answers.missing(what, form=self.world.behaviour.missing_body))

    def visible(self, created_at: Any) -> bool:
        """Whether look-ups show a thing of that age yet (behaviour lookup_lag)."""
        age = (self.world.clock.now() - created_at).total_seconds()
        return bool(age >= self.world.behaviour.lookup_lag)

    def location(self, path: str) -> tuple[tuple[str, str], ...]:
        """The Location header of a new thing."""
        return (("Location", f"{self.base}/services/2{path}"),)


Handler = Callable[..., Answer]


def view(world: World, name: str, handler: Handler) -> Callable[..., Response]:
    """The Flask view of one call."""

    def call(**path: str) -> Response:
        return _perform(world, name, lambda: handler(_exchange(world), **path))

    call.__name__ = name
    return call


def json_wanted() -> bool:
    """Only an Accept that names JSON gets JSON errors; `*/*` is what every library sends and asks for nothing."""
    return "json" in request.headers.get("Accept", "")


def _exchange(world: World) -> Exchange:
    version = request.headers.get("bluesnap-version", "1.0")
    if version not in VERSIONS:
        raise Refused(answers.refusal("10000", "INVALID_API_VERSION", "The requested API version is not valid."))
    return Exchange(world, read_body(request.get_data()), request.args, version, request.host_url.rstrip("/"))


def read_body(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request, {} for no body; raises Refused for anything else."""
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused(answers.refusal("10001", "VALIDATION_GENERAL_FAILURE", "The request body cannot be read."))
    return body


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _perform(world: World, name: str, work: Callable[[], Answer]) -> Response:
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    with world.lock:
        digest = digest_of(request.method.encode(), request.full_path.encode(), request.get_data())
        call = _Call(world, name, _claim(world, key, digest), work)
        fault = world.faults.take(name)
    try:
        return call.spoiled(fault) if fault else _respond(call.process())
    finally:
        # Whatever went wrong, a key must not stay "in progress" for ever.
        with world.lock:
            _keep(world, call.ticket, None)


def _claim(world: World, key: str | None, digest: str) -> Ticket:
    return world.keys.begin(key, digest, now=world.clock.now(), mode=world.behaviour.idempotency)


def _keep(world: World, ticket: Ticket, answer: Answer | None) -> None:
    world.keys.finish(ticket, answer, mode=world.behaviour.idempotency)


@dataclass(frozen=True)
class _Call:
    """One call under way."""

    world: World
    name: str
    ticket: Ticket
    work: Callable[[], Answer]

    def process(self, said: Answer | None = None) -> Answer:
        """Do the work once and keep its answer; where errors are replayed, the error that is `said` instead of it."""
        if self.ticket.settled is not None:
            return self.ticket.settled
        with self.world.lock:
            try:
                answer = self.work()
            except Refused as refused:
                answer = refused.answer
            replays_errors = self.world.behaviour.idempotency == "replays_errors"
            keeps_error = said is not None and said.is_error and replays_errors
            _keep(self.world, self.ticket, said if keeps_error else answer)
        return answer

    def spoiled(self, fault: Fault) -> Response:
        """The answer, or what becomes of it, under an ordered fault."""
        if fault.mode == "delay":
            return self._delayed(fault)
        if fault.mode == "alter":
            return _respond(altered(self.process(), fault))
        said = _spoken(self.world, self.name, fault)
        if fault.processed:
            answer = self.process(said)
        else:
            answer = Answer(500, "Service is temporarily unavailable", answers.TEXT)
            self._leave(fault, said)
        if fault.mode in {"drop_before", "drop_after"}:
            return hang_up(request.environ)
        if fault.mode == "drip":
            return _dripping(answer, fault.seconds)
        return _respond(said if said is not None else answer)

    def _leave(self, fault: Fault, said: Answer | None) -> None:
        """Nothing happens, but a decline spends the payment-fields token, and an error may be kept for the key."""
        with self.world.lock:
            if fault.mode == "decline":
                for text in tokens_in(_body_or_nothing()):
                    spend(self.world, text)
            _keep(self.world, self.ticket, said if said is not None and said.is_error else None)

    def _delayed(self, fault: Fault) -> Response:
        """Wait before the work, or after it when `processed`; either way it happens, though nobody may be listening any more.

        The key stays "in progress" during a wait before the work.
        """
        if not fault.processed:
            time.sleep(fault.seconds)
        answer = self.process()
        if fault.processed:
            time.sleep(fault.seconds)
        return _respond(answer)


def _body_or_nothing() -> dict[str, Any]:
    try:
        return read_body(request.get_data())
    except Refused:
        return {}


def tokens_in(body: object) -> Iterator[object]:
    """Every pfToken of a request, wherever it stands."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name == "pfToken":
                yield value
            else:
                yield from tokens_in(value)
    elif isinstance(body, list):
        for value in body:
            yield from tokens_in(value)


def _spoken(world: World, name: str, fault: Fault) -> Answer | None:
    """What the fault answers in place of the truth; None where it only spoils the way."""
    if fault.mode == "decline":
        return altered(answers.decline(fault.reason, vaulting=name.endswith("shopper")), fault)
    if fault.mode == "status":
        text = "Service is temporarily unavailable" if fault.body is None else fault.body
        media = answers.JSON if text.startswith(("{", "[")) else answers.TEXT
        return Answer(fault.status, text, fault.media or media, fault.headers)
    if fault.mode == "redirect":
        return Answer(307, None, answers.TEXT, (("Location", fault.location),))
    if fault.mode == "garbage":
        with world.lock:
            text = world.random.choice(GARBAGE) if fault.body is None else fault.body
        return Answer(200, text, headers=fault.headers)
    return None


GARBAGE = (
    "",
    "null",
    "[]",
    '{"vaultedShopperId": ',
    '{"subscriptionId": "not a number", "status": 7}',
    '"EXPIRED_TOKEN"',
    "<html><body>It works!</body></html>",
    "\x00\x01\x02",
    '{"subscriptionId": NaN}',
)


def _dripping(answer: Answer, seconds: float) -> Response:
    """The true answer, a few bytes at a time, so that the whole of it takes `seconds`."""
    whole = _respond(answer)
    raw = whole.get_data()
    step = max(1, len(raw) // 100)
    pieces = [raw[start : start + step] for start in range(0, len(raw), step)]

    def drip() -> Iterator[bytes]:
        for piece in pieces:
            time.sleep(seconds / len(pieces))
            yield piece

    slow = Response(drip(), whole.status_code, whole.headers)
    slow.headers["Content-Length"] = str(len(raw))
    return slow


def _respond(answer: Answer) -> Response:
    return answers.to_response(answer, json_wanted=json_wanted())
