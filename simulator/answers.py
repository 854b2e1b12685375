"""The shapes of BlueSnap's answers, right and wrong ones (bluesnap/errors.md section 1, bluesnap/variants.md section 3). No shape ever repeats a card number."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from flask import Response

HTML = "text/html;charset=utf-8"
JSON = "application/json"
TEXT = "text/plain"
XML = "application/xml"


@dataclass(frozen=True)
class Answer:
    """A status, a body (an object is sent as JSON, a text as it is, None as nothing) and headers."""

    status: int
    body: Any = None
    media: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the status says that nothing came of it."""
        return self.status >= 400


class Refused(Exception):
    """Ends a call with the answer it carries."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


# The processor's own number stands in the text only (bluesnap/errors.md section 4).
_PROCESSOR = {
    "EXPIRED_CARD": "430306 - Expired card. Please use another card or contact your bank for assistance",
    "INSUFFICIENT_FUNDS": "430360 - Insufficient funds. Please use another card or contact your bank for assistance",
    "INVALID_CARD_NUMBER": "430330 - Invalid card number. Please check the number and try again, or use a different card",
}
_AUTHORISATION = (
    "430285 - Authorization has failed for this transaction. Please try again or contact your bank for assistance"
)
DECLINES = frozenset(
    {
        "ACCOUNT_CLOSED", "AUTHORIZATION_AMOUNT_ALREADY_REVERSED", "AUTHORIZATION_AMOUNT_NOT_VALID",
        "AUTHORIZATION_EXPIRED", "AUTHORIZATION_NOT_FOUND", "AUTHORIZATION_REVOKED", "BLS_CONNECTION_PROBLEM",
        "CALL_ISSUER", "CARD_LOST_OR_STOLEN", "CVV_ERROR", "DO_NOT_HONOR", "EXPIRED_CARD",
        "GENERAL_PAYMENT_PROCESSING_ERROR", "HIGH_RISK_ERROR", "INCORRECT_INFORMATION", "INCORRECT_SETUP",
        "INSUFFICIENT_FUNDS", "INVALID_AMOUNT", "INVALID_CARD_NUMBER", "INVALID_CARD_TYPE",
        "INVALID_PIN_OR_PW_OR_ID_ERROR", "INVALID_TRANSACTION", "LIMIT_EXCEEDED", "PICKUP_CARD",
        "PROCESSING_AMOUNT_ERROR", "PROCESSING_DUPLICATE", "PROCESSING_GENERAL_DECLINE", "PROCESSING_TIMEOUT",
        "REFUND_FAILED", "RESTRICTED_CARD", "STRONG_CUSTOMER_AUTHENTICATION_REQUIRED", "SYSTEM_TECHNICAL_ERROR",
        "THE_ISSUER_IS_UNAVAILABLE_OR_OFFLINE", "THREE_D_SECURE_FAILURE", "THREE_D_SECURITY_AUTHENTICATION_REQUIRED",
    }
)  # fmt: skip
# Not of the 14002 family, yet "the card was refused": bluesnap/errors.md sections 3 and 5. "unnamed" is 14002 without a name.
OTHER_DECLINES = {
    "FRAUD_DETECTED": "15011",
    "PAYMENT_GENERAL_FAILURE": "10000",
    "SERVER_GENERAL_FAILURE": "10000",
    "INVALID_PAYMENT_DETAILS": "14034",
    "TRANSACTION_CARD_NOT_VALID": "20017",
    "unnamed": "14002",
}


def messages(*entries: dict[str, Any], status: int = 400) -> Answer:
    """The usual error: an array called message."""
    return Answer(status, {"message": list(entries)})


def refusal(code: str | None, name: str | None, description: str, *, status: int = 400, **more: object) -> Answer:
    """One message; a code and a name that are None are absent, as in some recordings."""
    named = {"errorName": name, "code": code}
    return messages(
        {key: text for key, text in named.items() if text} | {"description": description} | more, status=status
    )


def invalid(property_name: str, description: str) -> Answer:
    """10001 with the property that was wrong; the value is left empty, which recordings show too."""
    where = {"name": property_name, "messageValue": ""}
    return refusal("10001", "VALIDATION_GENERAL_FAILURE", description, invalidProperty=where)


def decline(reason: str, *, vaulting: bool = False) -> Answer:
    """A refused card: 400, code 14002 and the reason in errorName; both wordings that recordings show."""
    if reason == "FRAUD_DETECTED":
        event = {
            "fraudEventCode": "orderTotalDecline",
            "fraudEventDecision": "D",
            "fraudEventExpression": "3729 > 3728",
        }
        text = "The request cannot be fulfilled for the current shopper. Please contact BlueSnap support for further details."
        return refusal("15011", reason, text, fraudEvents={"fraudReferenceId": "6270209", "fraudEvent": [event]})
    start = "Transaction failed  because of" if vaulting else "Order creation could not be completed because of"
    detail = refused_charge(reason)
    text = f"{start} payment processing failure{'.' if vaulting else ''}: {detail}"
    return refusal(OTHER_DECLINES.get(reason, "14002"), None if reason == "unnamed" else reason, text)


def refused_charge(reason: str) -> str:
    """The processor's words for a decline."""
    return _PROCESSOR.get(reason, _AUTHORISATION)


def missing(what: str, *, form: str = "text") -> Answer:
    """403 for what is not there: BlueSnap has no 404 (bluesnap/errors.md section 2)."""
    text = f"User is not authorized to view {what}."
    if form == "json_string":
        return Answer(403, json.dumps(text))
    if form == "xml":
        return Answer(403, f"<xml>{escape(text)}</xml>", XML)
    return Answer(403, None if form == "empty" else text, TEXT)


def tomcat(status: int, title: str, message: str, description: str) -> Answer:
    """The page of the servlet container in front of the API."""
    head = f"HTTP Status {status} – {title}"  # noqa: RUF001  # the dash is on the recorded page
    page = (
        f'<!doctype html><html lang="en"><head><title>{head}</title><style type="text/css">'
        "body {font-family:Tahoma,Arial,sans-serif;}</style></head><body>"
        f'<h1>{head}</h1><hr class="line" /><p><b>Type</b> Status Report</p><p><b>Message</b> {message}</p>'
        f'<p><b>Description</b> {description}</p><hr class="line" /><h3>Apache Tomcat Version X</h3></body></html>'
    )
    return Answer(status, page, HTML)


def unauthorized(form: str) -> Answer:
    """401 in one of the recorded forms: html, empty or json."""
    if form == "empty":
        return Answer(401, None, HTML)
    if form == "json":
        return Answer(401, {"errorCode": "401", "errorDescription": "Bad credentials"})
    why = "The request has not been applied because it lacks valid authentication credentials for the target resource."
    return tomcat(401, "Unauthorized", "Bad credentials", why)


def number(amount: Decimal) -> int | float:
    """An amount as BlueSnap writes it: a JSON number without trailing zeros."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def to_response(answer: Answer, *, json_wanted: bool = True) -> Response:
    """The bytes; an error object turns into XML for a caller that did not ask for JSON (bluesnap/api.md section 2)."""
    body, media = answer.body, answer.media
    if isinstance(body, dict) and answer.is_error and not json_wanted:
        body, media = _xml_messages(body), XML
    elif isinstance(body, dict | list):
        body = json.dumps(body)
    response = Response(body, answer.status, content_type=media)
    if body is None:
        del response.headers["Content-Type"]
    for name, text in answer.headers:
        if name.lower() == "content-type":
            response.headers.remove(name)
        response.headers.add(name, text)
    return response


def _xml_messages(body: dict[str, Any]) -> str:
    parts = []
    for entry in body.get("message", [body]):
        inner = "".join(
            f"<{tag}>{escape(str(entry[key]))}</{tag}>"
            for key, tag in (("errorName", "error-name"), ("code", "code"), ("description", "description"))
            if key in entry
        )
        parts.append(f"<message>{inner}</message>")
    opening = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<messages xmlns="http://ws.plimus.com">'
    return f"{opening}{''.join(parts)}</messages>"
