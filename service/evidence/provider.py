"""BlueSnap's side: the simulator answers with what no answer should hold, in errors, in headers, in fields that we read and in garbage. Orders faults of the private copy alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from service.evidence import belongings, wire
from service.evidence.canaries import marker
from service.evidence.customer import SESSIONS, Call, Customer
from service.evidence.trying import CARDS, Attempt, code_of

GROUP = "BlueSnap's answers"
#: Fields of true answers that are read (bluesnap/variants.md), as JSON pointers.
_READ = (
    "/vaultedShopperId", "/subscriptionId", "/status", "/planId", "/nextChargeDate", "/recurringChargeAmount", "/currency",
    "/refundTransactionId", "/chargeInfo/chargeId", "/charge/transactionId", "/paymentSource/creditCardInfo/creditCard/cardLastFourDigits",
    "/paymentSources/creditCardInfo/0/creditCard/cardType", "/lastPaymentSource/creditCard/cardLastFourDigits",
)  # fmt: skip
Fault = Mapping[str, Any]


def _error(value: str) -> Fault:
    said = {
        "errorName": value,
        "code": value,
        "description": f"Card {value} declined",
        "invalidProperty": {"name": value},
    }
    headers = {"X-Note": value, "Retry-After": value, "Set-Cookie": f"card={value}"}
    return {"mode": "status", "status": 400, "body": json.dumps({"message": [said]}), "headers": headers}


#: What is wrong about an answer, by a name of ours; `value` is the canary.
SHAPES: Mapping[str, Callable[[str], Fault]] = {
    "error that quotes the card": _error,
    "page of HTML": lambda value: {
        "mode": "status",
        "status": 502,
        "body": f"<html>{value}</html>",
        "media": "text/html",
    },
    "garbage": lambda value: {"mode": "garbage", "body": f'{{"card": "{value}"'},
    "fields that we read": lambda value: {"mode": "alter", "set": dict.fromkeys(_READ, value)},
    "redirect": lambda value: {"mode": "redirect", "location": f"http://127.0.0.1:9/?card={value}"},
}


def _order(customer: Customer) -> Call:
    account = customer.new("account that orders", belongings.ACCOUNT)
    return Call("POST", SESSIONS, {"account": account, "plan": "team", "members": 2})


def _completion(customer: Customer) -> Call:
    session = customer.do("open", replace(_order(customer), own=True))
    customer.fill(session)
    payer = {"first_name": "Mira", "last_name": "Okafor", "country": "US", "zip": "02451"}
    return Call("POST", f"{SESSIONS}/{session['id']}/completion", {"payer": payer}, session["client_secret"])


def _replacement(customer: Customer) -> Call:
    order = {"account": _bought(customer)[0], "purpose": "replace_card"}
    session = customer.do("open for another card", Call("POST", SESSIONS, order, own=True))
    customer.fill(session, "mastercard")
    return Call("POST", f"{SESSIONS}/{session['id']}/completion", {}, session["client_secret"])


def _bought(customer: Customer) -> tuple[str, str]:
    """Account and charge of somebody new."""
    account = customer.new("account that has bought", belongings.ACCOUNT)
    return account, customer.buy(account)[1]


def _look_at_card(customer: Customer) -> Call:
    return Call("GET", f"/v1/accounts/{_bought(customer)[0]}/card")


def _change(customer: Customer) -> Call:
    return Call("PATCH", f"/v1/accounts/{_bought(customer)[0]}/subscription", {"members": 8})


def _refund(customer: Customer) -> Call:
    return Call("POST", f"/v1/charges/{_bought(customer)[1]}/refunds", {"reason": "duplicate"})


#: The calls to BlueSnap that requests of ours lead to, each with what is done before, and the request that leads there.
CALLS: Mapping[str, Callable[[Customer], Call]] = {
    "create_token": _order,
    "create_shopper": _completion,
    "create_subscription": _completion,
    "get_shopper": _replacement,
    "update_shopper": _replacement,
    "get_subscription": _look_at_card,
    "update_subscription": _change,
    "refund": _refund,
}


def names() -> list[tuple[str, str]]:
    """Each entrance here: the call, and the shape of the wrong answer."""
    return [(call, shape) for call in CALLS for shape in SHAPES]


def attempts(customer: Customer, wanted: Callable[[str], bool]) -> Iterator[Attempt]:
    """Each wrong answer to each call, with a card number and with a marker. `wanted` says which entrances are tried."""
    for index, (call, shape) in enumerate(names()):
        entrance = f"answer to {call} · {shape}"
        word = belongings.canary(belongings.MARKER, entrance, marker())
        for form, canary in (("plain", CARDS[index % len(CARDS)]), ("marker", word)):
            if wanted(entrance):
                act = _act(customer, call, SHAPES[shape](canary.text), f"{entrance}, {form}")
                yield Attempt(GROUP, entrance, form, canary, act)


def _act(customer: Customer, call: str, fault: Fault, case: str) -> Callable[[], str]:
    def act() -> str:
        request = CALLS[call](customer)
        customer.copy.lever("fail", {"call": call, **fault})
        answer = customer.send(case, request)
        waits = call in customer.copy.lever("")["faults"]
        return "BlueSnap was not asked" if waits else _judged(answer)

    return act


def _judged(answer: wire.Answer) -> str:
    """Any word of ours is fine, but no failure of ours."""
    fine = answer.status is not None and answer.status != 500
    return "" if fine else f"answered with {answer.status or 'nothing'} {code_of(answer)}".rstrip()
