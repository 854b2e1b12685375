"""From an error of ours to an RFC 9457 problem: one status for each code, and a body that never repeats what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response
from marshmallow import ValidationError

from service.errors import Code, FieldError, Refusal

STATUS: dict[Code, int] = {
    Code.CREDENTIALS_MISSING: 401,
    Code.CREDENTIALS_MALFORMED: 401,
    Code.KEY_UNKNOWN: 401,
    Code.KEY_REVOKED: 401,
    Code.KEY_ENDED: 401,
    Code.SCOPE_MISSING: 403,
    Code.IDENTITY_INVALID: 401,
    Code.IDENTITY_EXPIRED: 401,
    Code.SECOND_FACTOR_MISSING: 401,
    Code.PERSON_UNKNOWN: 403,
    Code.PERSON_LEFT: 403,
    Code.CLIENT_SECRET_WRONG: 401,
    Code.CLIENT_SECRET_EXPIRED: 401,
    Code.SESSION_FOREIGN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.BODY_TOO_LARGE: 413,
    Code.BODY_MALFORMED: 400,
    Code.DUPLICATE_KEY: 400,
    Code.REQUEST_MALFORMED: 400,
    Code.CARD_DATA_REFUSED: 422,
    Code.VALIDATION_FAILED: 422,
    Code.FIELD_UNKNOWN: 422,
    Code.FIELD_MISSING: 422,
    Code.FIELD_MALFORMED: 422,
    Code.ACCOUNT_MALFORMED: 422,
    Code.PLAN_UNKNOWN: 422,
    Code.MEMBERS_OUT_OF_RANGE: 422,
    Code.FIELD_NOT_ALLOWED: 422,
    Code.AMOUNT_MALFORMED: 422,
    Code.CURRENCY_WRONG: 422,
    Code.CURSOR_MALFORMED: 422,
    Code.MOMENT_MALFORMED: 422,
    Code.MOMENT_IN_FUTURE: 422,
    Code.THREE_D_SECURE_REQUIRED: 422,
    Code.IDEMPOTENCY_KEY_MISSING: 400,
    Code.IDEMPOTENCY_KEY_MALFORMED: 400,
    Code.IDEMPOTENCY_KEY_REUSED: 422,
    Code.IDEMPOTENCY_KEY_IN_PROGRESS: 409,
    Code.SESSION_NOT_FOUND: 404,
    Code.SESSION_EXPIRED: 410,
    Code.SESSION_FAILED: 409,
    Code.SESSION_COMPLETE: 409,
    Code.SUBSCRIPTION_EXISTS: 409,
    Code.SIGNUP_UNDECIDED: 409,
    Code.SUBSCRIPTION_NOT_FOUND: 404,
    Code.SUBSCRIPTION_CHANGED: 409,
    Code.SUBSCRIPTION_CANCELED: 409,
    Code.SUBSCRIPTION_DISPUTED: 409,
    Code.CHARGE_NOT_FOUND: 404,
    Code.CHARGE_DISPUTED: 409,
    Code.REFUND_ABOVE_REMAINDER: 409,
    Code.REFUND_REFUSED: 409,
    Code.CARD_NOT_FOUND: 404,
    Code.CARDS_ALIKE: 409,
    Code.GRANT_NOT_FOUND: 404,
    Code.GRANT_NOT_OPEN: 409,
    Code.SECOND_PERSON_NEEDED: 403,
    Code.GRANT_MISSING: 403,
    Code.VERSION_WRONG: 412,
    Code.IF_MATCH_MALFORMED: 400,
    Code.TOO_MANY_ATTEMPTS: 429,
    Code.CARD_DECLINED: 402,
    Code.PAYMENT_FIELDS_TOKEN_EXPIRED: 409,
    Code.PAYMENT_FIELDS_TOKEN_NOT_FOUND: 409,
    Code.PAYMENT_FIELDS_TOKEN_EMPTY: 409,
    Code.DETAILS_REFUSED: 422,
    Code.BLUESNAP_UNREACHABLE: 503,
    Code.BLUESNAP_BUSY: 503,
    Code.BLUESNAP_FAILED: 502,
    Code.BLUESNAP_MISCONFIGURED: 502,
    Code.SIGNATURE_INVALID: 401,
    Code.IDENTITY_UNAVAILABLE: 503,
    Code.JOURNAL_UNPROVEN: 503,
    Code.OVERLOADED: 503,
    Code.CLIENT_GONE: 400,
    Code.NOT_READY: 503,
    Code.INTERNAL_ERROR: 500,
}
#: What the HTTP layer itself refuses, by status.
OF_STATUS = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.BODY_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
}
MEDIA_TYPE = "application/problem+json"


def document(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """The problem's body. `title` is the code in words; the meaning of every code is in docs/errors.md."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": refusal.code.value.replace("_", " ").capitalize(),
        "status": STATUS[refusal.code],
        "code": refusal.code.value,
        "request_id": request_id,
    }
    if refusal.reason is not None:
        body["reason"] = refusal.reason.value
    if refusal.version is not None:
        body["version"] = refusal.version
    if refusal.errors:
        body["errors"] = [{"pointer": error.pointer, "code": error.code.value} for error in refusal.errors]
    return body


def response(refusal: Refusal, request_id: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """The whole answer, with `Retry-After` and `WWW-Authenticate` where they belong."""
    answer = Response(json.dumps(document(refusal, request_id)), STATUS[refusal.code], content_type=MEDIA_TYPE)
    for name, value in headers:
        answer.headers[name] = value
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    if answer.status_code == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def of_validation(error: ValidationError, known: Mapping[str, Any]) -> Refusal:
    """From a schema's complaints to field errors. Pointers are made of our own field names; an unknown name is never repeated."""
    errors = tuple(sorted(set(_field_errors(error.messages, known, "")), key=lambda item: (item.pointer, item.code)))
    codes = {item.code for item in errors}
    return Refusal(codes.pop() if len(codes) == 1 else Code.VALIDATION_FAILED, errors=errors)


def _field_errors(messages: Any, known: Mapping[str, Any], prefix: str) -> Iterable[FieldError]:
    if not isinstance(messages, dict):
        for message in messages:
            yield FieldError(prefix, Code(message) if message in set(Code) else Code.FIELD_MALFORMED)
        return
    for name, inner in messages.items():
        if name in known:
            nested = getattr(known[name], "schema", None)
            yield from _field_errors(inner, nested.fields if nested else {}, f"{prefix}/{name}")
        elif name == "_schema":
            yield from _field_errors(inner, {}, prefix)
        else:
            yield FieldError(prefix, Code.FIELD_UNKNOWN)
