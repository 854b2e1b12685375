"""Sends honest values (N01 to N40) that look a little like card numbers, where such a value would come in here; none may be taken for a card's.

There is no field for a phone number, a street, an order number or a hash, and no log of what others call things: those go where the gate reads whatever
a client says of itself, into headers. A field with a narrower format answers by its own code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid

from leaks_registry import Observation, sender
from leaks_stage import PAYER, SESSIONS, WEBHOOKS

from service.evidence.canaries import Canary, marker
from service.evidence.wire import request
from tests.support.disguises import KINDS
from tests.support.honest import AGENTS, Honest

HONEST = Honest(44)
OK, MADE, UNSIGNED, REFUSED = frozenset({200}), frozenset({201}), frozenset({401}), frozenset({422})
#: Forty headers of 64 signs, with what else is there, are below gunicorn's limits.
TOGETHER = 40
ORDER_NUMBER = "7080826590834410"  # its last digit is wrong, and no brand begins like that
IBAN = "DE89370400440532013000"


def asked(stage, values, name="X-Value"):
    """An honest question with these values in headers, forty at a time."""
    rows = [values[start : start + TOGETHER] for start in range(0, len(values), TOGETHER)]
    seen = stage.send_all(
        [
            request("GET", f"/v1/accounts/{stage.account}", [*kept(stage, name), *((name, value) for value in row)])
            if len(row) == 1
            else stage.reading("", *((f"{name}-{index}", value) for index, value in enumerate(row)))
            for row in rows
        ]
    )
    seen.statuses = OK
    return seen


def kept(stage, name):
    """The usual headers, but for the one that is sent otherwise."""
    return [pair for pair in stage.headers() if pair[0] != name]


def read(stage, *accounts):
    """Accounts of these names are asked for; nobody has heard of them."""
    seen = stage.send_all([stage.reading(f"/v1/accounts/{account}") for account in accounts])
    seen.statuses = OK
    return seen


def ordered(stage, **changed):
    """A session is opened; account, plan and members are honest unless changed."""
    body = {"account": f"leaks-{marker()}", "plan": "team", "members": 3, **changed}
    seen = stage.send(stage.writing(SESSIONS, body))
    seen.statuses = MADE
    return seen


def bought(stage, *, fields=None, **payer):
    """Somebody buys, and is called or lives like that."""
    body = {"payer": PAYER | payer, **(fields or {})}
    seen = stage.send(stage.completing(stage.ready(), body))
    seen.statuses = MADE
    return seen


def told_bluesnap(stage, name, value):
    """In a header of a notice, which nobody has signed."""
    headers = [("User-Agent", f"leaks/{stage.marker}"), (name, value)]
    seen = stage.send(request("POST", WEBHOOKS, headers, b"transactionType=CHARGE"))
    seen.statuses = UNSIGNED
    return seen


def nowhere(seen, stage, text, *, word):
    """Beside being honest, the value must stay nowhere: there is no place for it."""
    seen.canaries.append(Canary(stage.case.id, text, word=word))
    return seen


def id_of_256_bits():
    return base64.urlsafe_b64encode(HONEST.chance.randbytes(32)).decode().rstrip("=")


def hmac_of(number):
    return base64.b64encode(hmac.digest(b"k", str(number).encode(), "sha256")).decode()


#: What each entry sends, and where it would come in.
WAYS = {
    "N01": lambda stage: told_bluesnap(stage, "bls-signature", "a" * 20 + KINDS["D02"] + "b" * 28),
    "N02": lambda stage: asked(stage, [HONEST.hexes(64) for _ in range(1_000)], "X-Digest"),
    "N03": lambda stage: read(stage, *(HONEST.uuid() for _ in range(20))),
    "N05": lambda stage: read(stage, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01HZX9KQWERTYVBNMASDFGHJKP"),
    "N06": lambda stage: asked(stage, [id_of_256_bits() for _ in range(40)], "X-Id"),
    "N07": lambda stage: asked(stage, ["1700000000000", "1763841600123", "1899999999999"], "X-Sent"),
    "N08": lambda stage: asked(stage, ["1700000000000000", "1763841600123456789"], "X-Moment"),
    "N09": lambda stage: asked(stage, ["11234567890123456789"], "X-Datadog-Trace-Id"),
    "N10": lambda stage: asked(stage, ["+4915123456789", "+49 151 23456789", "+8613812345678"], "X-Phone"),
    "N11": lambda stage: bought(stage, email="12345678901@example.org"),
    "N12": lambda stage: bought(stage, zip="02451-1234"),
    "N13": lambda stage: bought(stage, last_name="12345 North 67th Street"),
    "N14": lambda stage: bought(stage, last_name="Studio 123456 GmbH"),
    "N15": lambda stage: bought(stage, first_name="Zo\u00eb-Ann\u00e9", last_name="O'Neil-M\u00fcller"),
    "N16": lambda stage: bought(stage, first_name="\u5c0f\u9f99", last_name="\u674e"),
    "N17": lambda stage: bought(
        stage, first_name="\u0645\u062d\u0645\u062f", last_name="\u0627\u0644\u062e\u0637\u064a\u0628"
    ),
    "N18": lambda stage: asked(stage, ["Smith & Sons Ltd. & Co."], "X-Company"),
    "N19": lambda stage: too_much(stage, "1234567890.12"),
    "N20": lambda stage: read(stage, "24510001"),
    "N21": lambda stage: read(stage, "22345678"),
    "N22": lambda stage: read(stage, "1012345678"),
    "N23": lambda stage: told_bluesnap(stage, "bls-ipn-timestamp", "2025-04-18 08:00:12.345"),
    "N25": lambda stage: ordered(stage, client_address="2001:db8:85a3::8a2e:370:7334"),
    "N26": lambda stage: bought(stage, fields={"fraud_session_id": HONEST.hexes(32)}),
    "N27": lambda stage: asked(stage, [HONEST.hexes(40) for _ in range(40)], "X-Commit"),
    "N28": lambda stage: asked(
        stage, [hashlib.sha256(str(number).encode()).hexdigest() for number in range(40)], "X-Sha256"
    ),
    "N29": lambda stage: asked(stage, [hmac_of(number) for number in range(40)], "X-Hmac"),
    "N30": lambda stage: read(stage, "1881"),
    "N31": lambda stage: read(stage, "VISA", "MASTERCARD"),
    "N32": lambda stage: read(stage, "2026-03-31", "20260331"),
    "N33": lambda stage: read(stage, "507601261435", "500000000009"),
    "N35": lambda stage: read(stage, "DE123456789", "ATU12345678"),
    "N37": lambda stage: asked(stage, ["10614141000415", "00012345600012"], "X-Gtin"),
    "N38": lambda stage: asked(stage, ["1.2.3-rc.1+20240101.5"], "User-Agent"),
    "N39": lambda stage: bought(stage, last_name="\uff11\uff10\uff10-\uff10\uff10\uff10\uff11"),
}


@sender(*WAYS)
def honest(case, stage):
    return WAYS[case.entry](stage)


@sender("N04")
def key_without_dashes(case, stage):
    key = ("Idempotency-Key", str(uuid.uuid4()).replace("-", ""))
    order = {"account": f"leaks-{marker()}", "plan": "team", "members": 3}
    seen = stage.send(stage.writing(SESSIONS, order, key))
    seen.statuses = MADE
    return seen


@sender("N24")
def browsers(case, stage):
    seen = stage.send_all(
        [
            request("GET", f"/v1/accounts/{stage.account}", [*kept(stage, "User-Agent"), ("User-Agent", agent)])
            for agent in AGENTS
        ]
    )
    seen.statuses = OK
    return seen


def too_much(stage, amount):
    """More than any charge here is, so it is no amount of ours."""
    body = {"amount": {"amount": amount, "currency": "USD"}, "reason": "requested_by_customer"}
    seen = stage.send(stage.writing(f"/v1/charges/ch_{'b' * 30}/refunds", body))
    seen.statuses = REFUSED
    return seen


@sender("N34")
def order_number(case, stage):
    """Not taken for a card's; but no name of an account either, since nobody can tell it from one that has a slip in it. It is kept and logged nowhere."""
    by_header = stage.send(stage.reading("", ("X-Order", ORDER_NUMBER)))
    by_path = stage.send(stage.reading(f"/v1/accounts/{ORDER_NUMBER}"))

    def judge():
        assert by_header.answer.status == 200
        assert (by_path.answer.status, json.loads(by_path.answer.body)["code"]) == (422, "account_malformed")

    seen = Observation(
        answers=[by_header.answer, by_path.answer],
        sent=[*by_header.sent, *by_path.sent],
        log=by_header.log + by_path.log,
        judge=judge,
    )
    return nowhere(seen, stage, ORDER_NUMBER, word=False)


@sender("N36")
def bank_account(case, stage):
    """No field takes one, so it is refused as any unknown field is: private, but nothing of a card."""
    seen = ordered(stage, iban=IBAN)

    def judge():
        assert (seen.answer.status, json.loads(seen.answer.body)["code"]) == (422, "field_unknown")

    seen.judge = judge
    return nowhere(seen, stage, IBAN, word=True)


@sender("N40")
def small_numbers(case, stage):
    seen = ordered(stage, numbers=list(range(40)))

    def judge():
        assert (seen.answer.status, json.loads(seen.answer.body)["code"]) == (422, "field_unknown")

    seen.judge = judge
    return seen
