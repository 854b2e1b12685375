"""One answer for one key: claim it, act, keep the final answer without its secrets, hand it back when the same request comes again.

A final 2xx or a 402 is kept. 202, 409, 429 and 5xx are not: a repeat is answered with the state that is true then (DESIGN section 6).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from service import crashpoints
from service.cardguard import formats
from service.errors import Advice, Code, DeclineReason, Refusal
from service.store import idempotency
from service.web.operation import Call, Operation

SECRETS = ("client_secret", "token")


@dataclass(frozen=True)
class Answered:
    """An answer, ready to be sent."""

    status: int
    body: dict[str, Any] | None
    headers: dict[str, str] = field(default_factory=dict)


def _key() -> uuid.UUID:
    given = request.headers.getlist("Idempotency-Key")
    if not given:
        raise Refusal(Code.IDEMPOTENCY_KEY_MISSING)
    if len(given) > 1 or not formats.matches(formats.IDEMPOTENCY_KEY, given[0]):
        raise Refusal(Code.IDEMPOTENCY_KEY_MALFORMED)
    return uuid.UUID(given[0])


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: None if name in SECRETS else _without_secrets(inner) for name, inner in value.items()}
    return value


def answer_once(call: Call, operation: Operation, args: Mapping[str, str], *, act: Callable[[], Answered]) -> Answered:
    """Act under the caller's key, or answer what was answered before. Raises Refusal."""
    key = _key()
    condition = request.headers.getlist("If-Match") if operation.matches else []
    canonical = json.dumps(
        [operation.name, sorted(args.items()), call.body, condition], sort_keys=True, ensure_ascii=True
    )
    with call.tools.engine.begin() as connection:
        claim = idempotency.claim(
            connection,
            caller=call.caller.id,
            route=operation.name,
            key=key,
            fingerprints=call.tools.keyring.fingerprints(b"body|" + canonical.encode()),
            key_id=call.tools.keyring.newest,
            lease_seconds=call.tools.settings.lease_seconds,
        )
    if claim.answer is not None and claim.status is not None:
        return _replay(call, operation, claim.status, claim.answer)
    final: tuple[int, dict[str, Any]] | None = None
    invalid = False
    try:
        answered = act()
        if 200 <= answered.status < 300 and answered.status != 202:
            final = (answered.status, {"body": _without_secrets(answered.body), "headers": _names(answered.headers)})
    except Refusal as refusal:
        if refusal.code is Code.CARD_DECLINED and refusal.reason is not None:
            final = (402, {"reason": refusal.reason.value})
        # what the catalogue finds wrong with a field is validation too: the key stays unclaimed
        invalid = bool(refusal.errors)
        raise
    finally:
        with call.tools.engine.begin() as connection:
            if final is not None:
                idempotency.keep(connection, claim, *final)
            elif invalid:
                idempotency.forget(connection, claim)
            else:
                idempotency.release(connection, claim)
    crashpoints.reach(crashpoints.KEY_KEPT)
    return answered


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _replay(call: Call, operation: Operation, status: int, kept: dict[str, Any]) -> Answered:
    if status == 402:
        word = kept["reason"]  # the page's advice, or the platform's reason: each a closed list
        raise Refusal(Code.CARD_DECLINED, reason=Advice(word) if word in set(Advice) else DeclineReason(word))
    body = kept["body"]
    restored = operation.restore(call, body) if operation.restore is not None else body
    return Answered(status, restored, kept["headers"])
