"""Every place of a request where a card number may come in, each with what it is answered."""

from __future__ import annotations

import uuid

from journeys_stage import SESSIONS, WEBHOOKS, new_name

NUMBER = "4012888888881881"  # published, and used by nothing else here


def order_with(**changed):
    body = {"account": "acct-a", "plan": "team", "members": 1} | changed
    return lambda stage: stage.call("POST", SESSIONS, auth=stage.stack.api_key, key=str(uuid.uuid4()), json=body)


def completion_with(**changed):
    def complete(stage):
        name = new_name()
        return stage.complete(stage.open(name, card="visa"), name, **changed)

    return complete


def account_read_with(path="nobody", query="", **headers):
    given = {header.replace("_", "-"): text for header, text in headers.items()}
    return lambda stage: stage.call("GET", f"/v1/accounts/{path}{query}", auth=stage.stack.api_key, headers=given)


def order_under_key(key):
    return lambda stage: stage.order("nobody", key=key)


#: Where a card number may come in, and the status that it is answered with.
ENTRANCES = {
    "account": (order_with(account=NUMBER), 422),
    "plan": (order_with(plan=NUMBER), 422),
    "members": (order_with(members=int(NUMBER)), 422),
    "purpose": (order_with(purpose=NUMBER), 422),
    "client address": (order_with(client_address=NUMBER), 422),
    "unknown key of a body": (order_with(**{NUMBER: "x"}), 422),
    "key of a body twice": (
        lambda stage: stage.call(
            "POST",
            SESSIONS,
            auth=stage.stack.api_key,
            key=str(uuid.uuid4()),
            headers={"Content-Type": "application/json"},
            data=f'{{"{NUMBER}": 1, "{NUMBER}": 2}}',
        ),
        422,
    ),
    "first name": (completion_with(payer={"first_name": NUMBER, "last_name": "Okafor", "country": "US"}), 422),
    "last name": (completion_with(payer={"first_name": "Mira", "last_name": f"O {NUMBER}", "country": "US"}), 422),
    "e-mail": (
        completion_with(
            payer={"first_name": "Mira", "last_name": "O", "country": "US", "email": f"{NUMBER}@example.com"}
        ),
        422,
    ),
    "zip": (completion_with(payer={"first_name": "Mira", "last_name": "O", "country": "US", "zip": NUMBER}), 422),
    "3-D Secure reference": (completion_with(three_d_secure_reference=NUMBER), 422),
    "fraud session": (completion_with(fraud_session_id=NUMBER), 422),
    "payment source": (completion_with(card={"number": NUMBER}), 422),
    "idempotency key": (order_under_key(NUMBER), 422),
    "path": (account_read_with(path=NUMBER), 422),
    "unknown path": (lambda stage: stage.call("GET", f"/cards/{NUMBER}"), 422),
    "query": (account_read_with(query=f"?card={NUMBER}"), 422),
    "header": (account_read_with(X_Card=NUMBER), 422),
    "user agent": (account_read_with(User_Agent=f"Wallet/{NUMBER}"), 422),
    "cookie": (account_read_with(Cookie=f"card={NUMBER}"), 200),
    "origin": (account_read_with(Origin=f"http://{NUMBER}.example"), 422),
    "forwarded for": (account_read_with(X_Forwarded_For=NUMBER), 422),
    "request id": (account_read_with(X_Request_Id=NUMBER), 200),
    # an exact format of its own: checked by it, not scanned, and not read
    "trace": (account_read_with(Traceparent=f"00-{NUMBER * 2}-{NUMBER}-01"), 200),
    "host": (account_read_with(Host=f"{NUMBER}.example"), 422),
    "bearer": (lambda stage: stage.call("GET", "/v1/accounts/a", auth=NUMBER), 422),
    "basic credentials": (
        lambda stage: stage.call("GET", "/v1/accounts/a", headers={"Authorization": f"Basic {NUMBER}"}),
        422,
    ),
    "method": (lambda stage: stage.call(f"M{NUMBER}", "/healthz"), 422),
    "media type": (
        lambda stage: stage.call(
            "POST",
            SESSIONS,
            auth=stage.stack.api_key,
            key=str(uuid.uuid4()),
            headers={"Content-Type": f"text/{NUMBER}"},
            data="{}",
        ),
        422,
    ),
    "forged notice": (lambda stage: stage.call("POST", WEBHOOKS, data={"creditCardNumber": NUMBER}), 401),
}
