"""How changes are sent: one at a time, once, and with the time that they may need."""

from __future__ import annotations

import itertools
import json
import socket
from datetime import date
from decimal import Decimal

import pytest
from bluesnap_peers import answer, cause_of, give_back

from service.bluesnap import transport
from service.bluesnap.cards import CardHint
from service.bluesnap.client import Timeouts
from service.errors import NeverSent, Unknown

DEADLINES = True

BASE = "http://127.0.0.1:1/services/2/"
CARD = CardHint("VISA", "9299")
CHANGES = {
    "plan_id": "2",
    "amount": Decimal("290.00"),
    "auto_renew": False,
    "cancel": True,
    "card": CARD,
    "next_charge_date": date(2030, 5, 11),
}
# Of these BlueSnap may ask a bank before it answers.
SLOW = {"plan_id", "card", "next_charge_date"}
SHOPPER = json.dumps({"vaultedShopperId": 5, "firstName": "Mira", "lastName": "Okafor"}).encode()


@pytest.mark.parametrize("pair", list(itertools.combinations(CHANGES, 2)), ids="-".join)
def test_two_changes_at_once_are_not_sent(client, pair):
    with pytest.raises(ValueError, match="exactly one change"):
        client.update_subscription("7", **{name: CHANGES[name] for name in pair})


def test_no_change_at_all_is_not_sent(client):
    for given in ({}, {"cancel": False}):
        with pytest.raises(ValueError, match="exactly one change"):
            client.update_subscription("7", **given)


def test_a_quantity_goes_with_a_plan_only_and_is_one(mocked, client):
    mocked.put(BASE + "recurring/subscriptions/7", json={})
    for name, value in CHANGES.items():
        client.update_subscription("7", **{name: value})
    sent = [json.loads(call.request.body) for call in mocked.calls]
    assert [body for body in sent if "quantity" in body] == [{"planId": 2, "quantity": 1}]


def test_a_change_carries_no_idempotency_key(mocked, client):
    mocked.put(BASE + "recurring/subscriptions/7", json={})
    client.update_subscription("7", cancel=True)
    assert "Idempotency-Key" not in mocked.calls[0].request.headers


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_may_reach_a_bank_has_the_time_of_a_charge(serve, client_of, change):
    def handler(peer, server):
        peer.request()
        peer.stopped.wait(30)

    patient = Timeouts(connect=1, read=30, total=0.2, charging_connect=1, charging_read=0.6, charging_total=30)
    client = client_of(serve(handler).url, timeouts=patient)
    with pytest.raises(Unknown) as caught:
        client.update_subscription("7", **{change: CHANGES[change]})
    assert caught.value.cause == ("read_timed_out" if change in SLOW else "deadline_passed")


def test_a_refund_has_the_time_of_a_charge(serve, client_of):
    def handler(peer, server):
        peer.request()
        peer.stopped.wait(30)

    patient = Timeouts(connect=1, read=30, total=0.2, charging_connect=1, charging_read=0.6, charging_total=30)
    assert cause_of(give_back, client_of(serve(handler).url, timeouts=patient)) == "read_timed_out"


def test_a_put_that_may_have_arrived_is_not_sent_again(serve, client_of):
    def handler(peer, server):
        server.requests.append(peer.request())
        peer.reset()

    server = serve(handler)
    client = client_of(server.url)
    with pytest.raises(Unknown):
        client.update_subscription("7", cancel=True)
    with pytest.raises(Unknown):
        client.delete_shopper("5")
    assert [request.split(b" ")[0] for request in server.requests] == [b"PUT", b"DELETE"]


def test_a_put_that_never_left_is_tried_again(client_of, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(transport.time, "sleep", pauses.append)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = client_of(f"http://127.0.0.1:{held.getsockname()[1]}")
        for call in (lambda: client.update_subscription("7", cancel=True), lambda: client.delete_shopper("5")):
            with pytest.raises(NeverSent, match="connection_refused"):
                call()
    assert pauses == [0.1, 0.4, 0.1, 0.4]


def test_a_card_is_added_by_one_reading_and_one_writing(serve, client_of):
    def handler(peer, server):
        while request := peer.request():
            server.requests.append(request)
            if request.startswith(b"PUT"):
                peer.reset()
                return
            peer.say(answer(SHOPPER))

    server = serve(handler)
    with pytest.raises(Unknown, match="connection_broken"):
        client_of(server.url).add_card("5", payment_fields_token="abc_")
    assert [request.split(b" ")[0] for request in server.requests] == [b"GET", b"PUT"]


@pytest.mark.parametrize(
    "card", [CardHint("UNRECOGNISED", "9299"), CardHint("VISA", ""), CardHint("VISA", "4263982640269299")]
)
def test_a_card_that_cannot_be_named_is_not_sent(mocked, client, card):
    mocked.get(BASE + "vaulted-shoppers/5", body=SHOPPER)
    for call in (lambda: client.update_subscription("7", card=card), lambda: client.delete_card("5", card)):
        with pytest.raises(ValueError, match="brand and last four"):
            call()
    assert [call.request.method for call in mocked.calls] == ["GET"]
