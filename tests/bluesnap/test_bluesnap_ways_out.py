"""What a person has typed goes to BlueSnap in bodies alone: addresses and headers are made of ids in their exact formats, for every call there is."""

from __future__ import annotations

import inspect
import re
import uuid
from decimal import Decimal

import pytest

from service.bluesnap.cards import CardHint
from service.bluesnap.client import BlueSnapClient
from service.bluesnap.payloads import Payer
from service.errors import Unknown
from tests.support.cards import VISA

#: A word that stands in every text that a client gives.
TYPED = "zqxcanary"
IDS = ("shopper_id", "subscription_id", "plan_id", "new_plan_id", "transaction_id", "after")
KEYS = ("idempotency_key", "merchant_shopper_id", "refund_reference")
#: An honest argument for each parameter that a call has.
HONEST = {
    **dict.fromkeys(IDS, "7100009"),
    "idempotency_key": str(uuid.uuid4()),
    "merchant_shopper_id": "su_" + "b" * 30,
    "refund_reference": "rf_" + "b" * 30,
    "payment_fields_token": TYPED,
    "three_d_secure_reference": "7123456",
    "fraud_session_id": TYPED,
    "payer": Payer(
        first_name=TYPED, last_name=TYPED, email=f"{TYPED}@example.com", country="us", state="MA", zip=TYPED[:5]
    ),
    "amount": Decimal("29.00"),
    "currency": "USD",
    "name": TYPED,
    "grace_days": 60,
    "card": CardHint("VISA", "1111"),
    "reason_word": "requested_by_customer",
    "cancel_subscriptions": False,
    "status": "ACTIVE",
}
#: A change of a subscription is one thing at a time.
LEFT_OUT = {"update_subscription": {"plan_id", "auto_renew", "cancel", "card", "next_charge_date"}}
CALLS = sorted(
    name for name, _ in inspect.getmembers(BlueSnapClient, inspect.isfunction) if name[0] != "_" and name != "close"
)
PATH = re.compile(r"[a-z]+(-[a-z]+)*(/[a-z]+(-[a-z]+)*|/[0-9]{1,12}|/su_b{30})*")


class Recorder:
    """In the transport's place: keeps what is asked, and says that no answer came."""

    def __init__(self):
        self.asks = []

    def deadline(self, **_):
        return 0.0

    def exchange(self, ask, _until=None):
        self.asks.append(ask)
        raise Unknown("read_timed_out")


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def client(recorder):
    made = BlueSnapClient(base_url="http://127.0.0.1:9", user="API_1", password="password")
    made.close()
    made._transport = recorder
    return made


def parameters(name):
    return [
        one
        for one in inspect.signature(getattr(BlueSnapClient, name)).parameters
        if one != "self" and one not in LEFT_OUT.get(name, ())
    ]


def make(client, name, **changed):
    """The call with honest arguments, but for those changed."""
    given = {one: changed.get(one, HONEST[one]) for one in parameters(name)}
    made = getattr(client, name)(**given)
    return list(made) if inspect.isgenerator(made) else made


@pytest.mark.parametrize("name", CALLS)
def test_address_and_key_of_a_call_hold_nothing_that_was_typed(client, recorder, name):
    with pytest.raises(Unknown):
        make(client, name)
    (ask,) = recorder.asks
    assert PATH.fullmatch(ask.path), ask.path
    assert all(re.fullmatch(r"[a-zA-Z]+|[0-9]{1,12}|29\.00", value) for value in ask.query.values()), ask.query
    assert ask.idempotency_key in {None, HONEST["idempotency_key"]}
    assert TYPED not in f"{ask.path} {ask.query} {ask.idempotency_key}"


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, one) for name in CALLS for one in parameters(name) if one in IDS],
    ids=lambda one: one,
)
def test_id_in_another_form_reaches_no_address(client, recorder, name, parameter):
    for wrong in (VISA, f"1/{TYPED}", TYPED, "1?a=b", "1%2f", "", "1\r\nX: y", "..", "0", "\uff11"):
        with pytest.raises(ValueError, match="does not have its form") as caught:
            make(client, name, **{parameter: wrong})
        assert not wrong or wrong not in str(caught.value)
    assert recorder.asks == []


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, one) for name in CALLS for one in parameters(name) if one in KEYS],
    ids=lambda one: one,
)
def test_key_in_another_form_reaches_neither_address_nor_header(client, recorder, name, parameter):
    for wrong in ("a b", "a/b", "a\r\nX: y", "", "a" * 65, "\u00e9"):
        with pytest.raises(ValueError, match="does not have its form"):
            make(client, name, **{parameter: wrong})
    assert recorder.asks == []
