"""Reset, ledger, behaviour, received, fill, and the limits of memory."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from simulator_caller import TEAM, Caller, Receiver, error_name

from simulator.bounded import Bounded
from simulator.ledger import LIMIT, Ledger


def test_reset_forgets_everything_but_the_catalogue(caller: Caller, receiver: Receiver) -> None:
    subscription = caller.subscription()
    caller.lever("clock", {"advance": "P3Y"})
    caller.lever("behaviour", {"zone": "UTC"})
    caller.lever("fail", {"call": "create_token", "mode": "drop_before"})
    caller.lever("notices", {"mode": "hold"})
    plan = {"name": "Other", "chargeFrequency": "MONTHLY", "currency": "USD", "recurringChargeAmount": 20}
    caller.call("POST", "/recurring/plans", json=plan)
    real_now = caller.lever("reset", {})["now"]
    assert caller.call("GET", f"/recurring/subscriptions/{subscription}").status_code == 403
    assert caller.lever("ledger") == {"entries": [], "dropped": 0}
    assert caller.lever("notices") == {"mode": "send", "url": receiver.url, "notices": []}
    assert caller.lever("behaviour")["zone"] == "America/Los_Angeles"
    assert caller.lever("")["faults"] == {}
    assert caller.lever("clock")["now"][:4] == real_now[:4]
    assert [body["planId"] for body in caller.call("GET", "/recurring/plans").json()["plans"]] == [2340002, TEAM]


def test_ids_rise_over_a_reset_and_have_at_most_twelve_digits(caller: Caller) -> None:
    before = caller.subscription()
    caller.lever("reset", {"seed": 5})
    after = caller.subscription()
    assert 2**31 < before < after < 10**12


def test_the_seed_is_kept_until_another_is_given(caller: Caller) -> None:
    assert caller.lever("reset", {"seed": 7})["seed"] == 7
    assert caller.lever("reset", {})["seed"] == 7


@pytest.mark.parametrize("body", [{"seed": "x"}, {"seed": -1}, {"seed": 1.5}, {"seeds": 1}])
def test_a_reset_that_makes_no_sense_is_refused(caller: Caller, body: Any) -> None:
    assert caller.pull("reset", body).status_code == 400


def test_one_seed_gives_one_run_of_choices(caller: Caller) -> Any:
    def choices() -> Any:
        caller.lever("reset", {"seed": 11})
        return [
            sorted(caller.call("GET", f"/recurring/plans/{TEAM}").json()),
            *(sorted(caller.vault().json()) for _ in range(5)),
        ]

    assert choices() == choices()


def test_the_ledger_says_what_came_to_be_in_order(caller: Caller) -> None:
    shopper = caller.shopper(merchantShopperId="attempt-1")
    made = caller.subscribe(vaultedShopperId=shopper, overrideRecurringChargeAmount=290).json()
    transaction = made["charge"]["transactionId"]
    caller.call("POST", f"/transactions/refund/{transaction}", json={"amount": "1.50", "cancelSubscriptions": False})
    caller.call("PUT", f"/recurring/subscriptions/{made['subscriptionId']}", json={"status": "CANCELED"})
    entries = caller.lever("ledger")["entries"]
    assert [entry["n"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry["kind"] for entry in entries] == ["token", "shopper", "subscription", "charge", "refund", "change"]
    money = {"amount": "290.00", "currency": "USD", "quantity": 1, "merchant_shopper_id": "attempt-1"}
    assert entries[2].items() >= money.items()
    assert (
        entries[3].items() >= (money | {"subscription_id": str(made["subscriptionId"]), "id": str(transaction)}).items()
    )
    assert entries[4].items() >= {"amount": "1.50", "transaction_id": str(transaction)}.items()
    assert entries[5].items() >= {"of": "subscription", "status": "CANCELED"}.items()


def test_the_ledger_forgets_its_oldest_entries_and_says_so(caller: Caller) -> None:
    ledger = Ledger()
    for _ in range(LIMIT + 3):
        ledger.record("token", "x", caller.world.clock.now())
    kept = ledger.as_json()
    assert (len(kept["entries"]), kept["dropped"], kept["entries"][0]["n"]) == (LIMIT, 3, 4)
    assert [entry["n"] for entry in ledger.as_json(since=LIMIT + 1)["entries"]] == [LIMIT + 2, LIMIT + 3]
    assert ledger.as_json(since=2)["entries"][0]["n"] == 4


def test_the_ledger_is_read_from_any_entry_on(caller: Caller) -> None:
    for _ in range(3):
        caller.shopper()
    entries = caller.lever("ledger")["entries"]
    assert caller.lever("ledger?since=4")["entries"] == entries[4:]
    assert caller.lever("ledger?since=6")["entries"] == caller.lever("ledger?since=99")["entries"] == []
    for odd in ("", "-1", "one", "1" * 13):
        answer = requests.get(f"{caller.origin}/_levers/ledger", params={"since": odd}, timeout=5)
        assert (answer.status_code, answer.json()) == (400, {"error": "since must be the number of an entry"})


def test_a_bounded_collection_counts_what_it_forgot() -> None:
    things: Bounded[int, str] = Bounded(2)
    for number in range(5):
        things[number] = "x"
    assert (list(things), things.dropped) == ([3, 4], 3)


def test_the_overview_says_how_much_is_kept(caller: Caller) -> None:
    caller.shopper()
    overview = caller.lever("")
    assert overview["kept"]["shoppers"] == {"kept": 1, "dropped": 0, "limit": 20_000}
    assert overview["simulator"] == "bluesnap"
    assert requests.get(f"{caller.origin}/_levers", timeout=5).json()["kept"] == overview["kept"]


def test_received_requests_are_kept_whole(caller: Caller) -> None:
    caller.call("POST", "/vaulted-shoppers?trace=1", json={"firstName": "Mira"})
    request = caller.lever("received")["requests"][-1]
    assert (request["method"], request["path"], request["query"]) == ("POST", "/services/2/vaulted-shoppers", "trace=1")
    assert request["body"] == '{"firstName": "Mira"}'
    assert request["call"] == "create_shopper"
    headers = {name.lower(): text for name, text in request["headers"]}
    assert headers["bluesnap-version"] == "3.0"
    assert headers["authorization"].startswith("Basic ")


def test_unauthorized_and_unreadable_requests_are_received_too(caller: Caller) -> None:
    caller.call("POST", "/anything", data=b"\xff\xfe", auth=None)
    request = caller.lever("received")["requests"][-1]
    assert (request["body"], request["body_base64"], request["call"]) == (None, "//4=", None)


def test_levers_themselves_are_not_received(caller: Caller) -> None:
    caller.lever("ledger")
    assert caller.lever("received") == {"requests": [], "dropped": 0}


def test_only_the_last_two_thousand_requests_are_kept(caller: Caller) -> None:
    for number in range(2005):
        caller.world.remember_request({"number": number})
    kept = caller.lever("received")
    assert (len(kept["requests"]), kept["dropped"], kept["requests"][0]["number"]) == (2000, 5, 5)


def test_the_body_that_fills_a_token_is_not_kept(caller: Caller) -> None:
    caller.fill(caller.token(None), {"ccNumber": "4111111111111111"})
    assert caller.lever("received")["requests"][-1]["body"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"idempotency": "sometimes"},
        {"idempotency": True},
        {"lookup_lag": -1},
        {"lookup_lag": "5"},
        {"zone": "Mars/Olympus"},
        {"zone": "../../etc/passwd"},
        {"extra_fields": "yes"},
        {"repeat_notices": 2},
        {"calm": False},
        {"mood": "bad"},
        {"spent_token_code": [14041]},
    ],
)
def test_a_behaviour_that_does_not_exist_is_refused_and_nothing_changes(caller: Caller, change: Any) -> None:
    before = caller.lever("behaviour")
    answer = caller.pull("behaviour", {"decline_at": "charge", **change})
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert caller.lever("behaviour") == before


def test_calm_puts_out_what_is_hostile_by_default(caller: Caller) -> None:
    caller.lever("reset", {})
    hostile = caller.lever("behaviour")
    calm = caller.lever("behaviour", {"calm": True})
    changed = {name for name in calm if calm[name] != hostile[name]}
    assert changed == {"header_case", "extra_fields", "repeat_notices"}


@pytest.mark.parametrize("raw", [b"{", b"[]", b"7", b'"x"'])
@pytest.mark.parametrize("lever", ["reset", "clock", "fail", "behaviour", "notices", "fill"])
def test_a_lever_takes_nothing_but_a_json_object(caller: Caller, lever: Any, raw: Any) -> None:
    answer = requests.post(f"{caller.origin}/_levers/{lever}", data=raw, timeout=5)
    assert (answer.status_code, "JSON" in answer.json()["error"]) == (400, True)


def test_a_token_is_filled_by_the_name_of_a_card(caller: Caller) -> None:
    token = caller.token(None)
    assert caller.lever("fill", {"token": token, "card": "amex"}) == {"card": "amex", "filled": True}
    assert caller.vault(token=token).json()["lastPaymentInfo"]["creditCard"]["cardType"] == "AMEX"


@pytest.mark.parametrize(
    "body", [{}, {"token": "x", "card": "visa"}, {"card": "gold"}, {"card": ["visa"]}, {"pan": "4"}]
)
def test_a_fill_that_makes_no_sense_is_refused(caller: Caller, body: Any) -> None:
    assert caller.pull("fill", body).status_code == 400


def test_a_spent_token_cannot_be_filled_by_lever(caller: Caller) -> None:
    token = caller.token()
    caller.vault(token=token)
    answer = caller.pull("fill", {"token": token, "card": "visa"})
    assert "TOKEN_WAS_ALREADY_USED_FOR_CC" in answer.json()["error"]


def test_levers_need_no_credentials_and_the_api_takes_no_lever(caller: Caller) -> None:
    assert requests.get(f"{caller.origin}/_levers/ledger", timeout=5).status_code == 200
    assert caller.call("GET", "/_levers/ledger").status_code == 403
    assert requests.delete(f"{caller.origin}/_levers/ledger", timeout=5).status_code == 405


def test_an_unknown_merchant_transaction_look_up_is_a_403(caller: Caller) -> None:
    answer = caller.call("GET", "/transactions/su-1,1000001")
    assert answer.status_code == 403


def test_the_tokens_text_is_in_the_ledger_for_tests_to_match(caller: Caller) -> None:
    token = caller.token(None)
    assert [entry["id"] for entry in caller.ledger("token")] == [token]
    assert error_name(caller.vault(token=token)) == "NO_PAYMENT_DETAILS_LINKED_TO_TOKEN"
