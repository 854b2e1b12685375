"""The call that the hosted-fields frames make to tie a card to a token. What is typed passes through and is gone; it must never reach a log, an answer or GET /_levers/received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from simulator.answers import Answer, Refused, refusal, to_response, unauthorized
from simulator.cards import CardRefused
from simulator.entities import Token
from simulator.protocol.calls import read_body
from simulator.tokens import fill

if TYPE_CHECKING:
    from simulator.world import World

# bluesnap/hosted-fields.md sections 2 and 4; a code only where one is documented.
_REFUSALS = {
    "INVALID_CC_NUMBER": (None, "Card number is not valid"),
    "INVALID_EXP_DATE": (None, "Expiration date is not valid"),
    "INVALID_CVV": (None, "Security code is not valid"),
    "CARD_TYPE_NOT_SUPPORTED": ("22013", "Card type is not supported by the merchant"),
    "TOKEN_WAS_ALREADY_USED_FOR_CC": (None, "Token was already used"),
}


def fill_blueprint(world: World) -> Blueprint:
    """`PUT /services/2/payment-fields-tokens/{token}` with header Token-Authentication and no Basic auth.

    JSON with any of `ccNumber`, `expDate` (MM/YYYY), `cvv`; `{}` is a probe. 200 with what is known of the card so far
    (`ccType`, `last4Digits`, `issuingCountry`, `isRegulatedCard`, `cardSubType`, `cardCategory`, `binCategory`,
    `ccBin`), or 400 `{"message": [{"errorName", "code"?, "description"}]}` with one of EXPIRED_TOKEN, TOKEN_NOT_FOUND,
    TOKEN_WAS_ALREADY_USED_FOR_CC, INVALID_CC_NUMBER, INVALID_EXP_DATE, INVALID_CVV, CARD_TYPE_NOT_SUPPORTED. Of one
    call's parts all are taken or none.
    """
    blueprint = Blueprint("payment_fields", __name__)

    @blueprint.put("/services/2/payment-fields-tokens/<token>")
    def fill_token(token: str) -> Response:
        if request.headers.get("Token-Authentication") != token:
            return to_response(unauthorized(world.behaviour.unauthorized_body))
        try:
            parts = read_body(request.get_data())
            with world.lock:
                answer = Answer(200, _known(fill(world, token, parts)))
        except CardRefused as refused:
            code, text = _REFUSALS[refused.name]
            answer = refusal(code, refused.name, text)
        except Refused as refused:
            answer = refused.answer
        return to_response(answer)

    return blueprint


def _known(token: Token) -> dict[str, Any]:
    facts = token.facts
    if facts is None:
        return {}
    return {
        "ccType": facts.brand,
        "last4Digits": facts.last_four,
        "issuingCountry": facts.issuing_country,
        "isRegulatedCard": "N",
        "cardSubType": facts.sub_type,
        "cardCategory": facts.category,
        "binCategory": "CONSUMER",
        "ccBin": facts.bin_number,
    }
