"""Asking for a payment-fields token (bluesnap/hosted-fields.md section 2). The answer has no body: the token is in Location only."""

from __future__ import annotations

import secrets

from simulator import tokens
from simulator.answers import Answer
from simulator.protocol.calls import Exchange
from simulator.protocol.shoppers import known


def create(exchange: Exchange) -> Answer:
    """POST /payment-fields-tokens[?shopperId=]: 201 with Location, and a cookie that is to be ignored."""
    shopper_id = exchange.query.get("shopperId")
    if shopper_id is not None:
        known(exchange, shopper_id)
    token = tokens.create(exchange.world)
    exchange.world.ledger.record("token", token.text, token.created_at, shopper_id=shopper_id)
    cookie = f"JSESSIONID={secrets.token_hex(16).upper()}; Path=/services; HttpOnly"
    where = exchange.location(f"/payment-fields-tokens/{token.text}")
    return Answer(201, None, headers=(*where, ("Set-Cookie", cookie)))
