"""How notices leave: retries, modes, forgeries, and where they may go."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from simulator_caller import BUSINESS, Caller, Receiver, await_true, signature_fits

PACIFIC = ZoneInfo("America/Los_Angeles")


def states(caller: Caller) -> Any:
    return [notice["state"] for notice in caller.lever("notices")["notices"]]


def test_a_notice_that_gets_no_200_is_tried_again(caller: Caller, receiver: Receiver) -> None:
    receiver.statuses[:] = [500, 401, 302]
    caller.subscription()
    receiver.wait(4)
    await_true(lambda: states(caller) == ["delivered"])
    (notice,) = caller.lever("notices")["notices"]
    assert [attempt["status"] for attempt in notice["deliveries"]] == [500, 401, 302, 200]
    assert len({body for _, body in receiver.deliveries}) == 1
    assert all(signature_fits(delivery) for delivery in receiver.deliveries)


def test_a_notice_is_given_up_after_eleven_attempts(caller: Caller, receiver: Receiver) -> None:
    receiver.statuses[:] = [500] * 20
    caller.subscription()
    await_true(lambda: states(caller) == ["failed"])
    assert len(receiver.deliveries) == 11


def test_an_address_where_nobody_listens_is_noted(caller: Caller) -> None:
    caller.lever("notices", {"url": "http://127.0.0.1:1/webhooks"})
    caller.subscription()
    await_true(lambda: states(caller) == ["failed"])
    attempt = caller.lever("notices")["notices"][0]["deliveries"][0]
    assert (attempt["status"], attempt["error"]) == (None, "ConnectionRefusedError")


def test_a_repeated_attempt_may_keep_its_first_timestamp(caller: Caller, receiver: Receiver) -> None:
    caller.lever("behaviour", {"retry_timestamp": "first"})
    receiver.statuses[:] = [500, 500]
    caller.subscription()
    receiver.wait(3)
    assert (
        len(
            {
                signature
                for headers, _ in receiver.deliveries
                for name, signature in headers.items()
                if name.lower() == "bls-signature"
            }
        )
        == 1
    )


def test_held_notices_leave_in_order_when_released(caller: Caller, receiver: Receiver) -> None:
    caller.lever("notices", {"mode": "hold"})
    made = [caller.subscription() for _ in range(3)]
    assert states(caller) == ["held"] * 3
    assert caller.lever("notices", {"mode": "send"}) == {"mode": "send", "released": 3}
    assert [form["subscriptionId"] for form in receiver.wait(3)] == [str(one) for one in made]


def test_dropped_notices_are_listed_and_never_sent(caller: Caller, receiver: Receiver) -> None:
    caller.lever("notices", {"mode": "drop"})
    caller.subscription()
    caller.lever("notices", {"mode": "send"})
    caller.subscription(planId=BUSINESS)
    (form,) = receiver.wait(1)
    assert form["contractId"] == str(BUSINESS)
    await_true(lambda: states(caller) == ["dropped", "delivered"])


def test_duplicates_are_the_same_notice_sent_several_times(caller: Caller, receiver: Receiver) -> None:
    caller.lever("notices", {"mode": "duplicate", "times": 3})
    caller.subscription()
    receiver.wait(3)
    assert len({body for _, body in receiver.deliveries}) == 1
    assert len(caller.lever("notices")["notices"]) == 1


def test_shuffled_notices_come_in_another_order(caller: Caller, receiver: Receiver) -> None:
    caller.lever("notices", {"mode": "hold"})
    made = [str(caller.subscription()) for _ in range(6)]
    caller.lever("notices", {"mode": "shuffle", "seconds": 0.2})
    came = [form["subscriptionId"] for form in receiver.wait(6)]
    assert sorted(came) == sorted(made)
    assert came != made


def test_some_notices_come_twice_unless_calm(caller: Caller, receiver: Receiver) -> None:
    caller.lever("behaviour", {"repeat_notices": 1})
    caller.subscription()
    receiver.wait(2)
    assert receiver.deliveries[0][1] == receiver.deliveries[1][1]


def test_a_notice_is_sent_again_by_reference_or_id(caller: Caller, receiver: Receiver) -> None:
    reference = caller.subscribe().json()["charge"]["transactionId"]
    receiver.wait(1)
    (notice,) = caller.lever("notices")["notices"]
    assert caller.lever("notices", {"resend": reference, "times": 2}) == {"queued": 2}
    caller.lever("notices", {"resend": notice["id"]})
    receiver.wait(4)
    assert len({body for _, body in receiver.deliveries}) == 1


@pytest.mark.parametrize("tamper", ["signature", "body"])
def test_a_forged_notice_does_not_fit_its_signature(caller: Caller, receiver: Receiver, tamper: Any) -> None:
    reference = caller.subscribe().json()["charge"]["transactionId"]
    receiver.wait(1)
    caller.lever("notices", {"resend": reference, "tamper": tamper})
    receiver.wait(2)
    assert [signature_fits(delivery) for delivery in receiver.deliveries] == [True, False]


def test_a_notice_can_come_without_any_signature(caller: Caller, receiver: Receiver) -> None:
    reference = caller.subscribe().json()["charge"]["transactionId"]
    caller.lever("notices", {"resend": reference, "tamper": "unsigned"})
    receiver.wait(2)
    signed = [any(name.lower().startswith("bls-") for name in headers) for headers, _ in receiver.deliveries]
    assert sorted(signed) == [False, True]


def test_a_forged_notice_is_tried_once_only(caller: Caller, receiver: Receiver) -> None:
    reference = caller.subscribe().json()["charge"]["transactionId"]
    receiver.wait(1)
    receiver.statuses[:] = [401]
    caller.lever("notices", {"resend": reference, "tamper": "signature"})
    receiver.wait(2)
    await_true(lambda: len(caller.lever("notices")["notices"][0]["deliveries"]) == 2)
    assert caller.world.outbox.settle(1)
    assert states(caller) == ["delivered"]


def test_a_notice_can_be_signed_with_the_previous_key(caller: Caller, receiver: Receiver) -> None:
    reference = caller.subscribe().json()["charge"]["transactionId"]
    receiver.wait(1)
    caller.lever("notices", {"resend": reference, "signed_with": "the key before"})
    receiver.wait(2)
    assert signature_fits(receiver.deliveries[1], key="the key before")


def test_a_notice_can_be_late_and_rightly_signed(caller: Caller, receiver: Receiver) -> None:
    reference = caller.subscribe().json()["charge"]["transactionId"]
    receiver.wait(1)
    caller.lever("notices", {"resend": reference, "shift_seconds": -7200})
    receiver.wait(2)
    assert signature_fits(receiver.deliveries[1])
    early, late = (
        datetime.fromisoformat(next(text for name, text in headers.items() if name.lower() == "bls-ipn-timestamp"))
        for headers, _ in receiver.deliveries
    )
    assert timedelta(hours=1) < early - late < timedelta(hours=3)


def test_a_notice_of_ones_own_words_is_sent_rightly_signed(caller: Caller, receiver: Receiver) -> None:
    form = {"transactionType": "SOMETHING_NEW", "referenceNumber": "77", "empty": ""}
    caller.lever("notices", {"compose": form})
    assert receiver.wait(1) == [form]
    assert signature_fits(receiver.deliveries[0])
    assert parse_qsl(caller.lever("notices")["notices"][0]["body"], keep_blank_values=True) == list(form.items())


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/webhooks",
        "http://192.168.1.1:8080/",
        "http://169.254.169.254/latest",
        "http://example.com/",
        "http://8.8.8.8/",
        "http://0.0.0.0:8080/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://localhost.example.com/",
        "http://127.0.0.1@example.com/",
        "http://[::ffff:10.0.0.1]/",
        "not an address",
        "",
    ],
)
def test_no_lever_makes_it_call_anything_but_loopback(caller: Caller, receiver: Receiver, url: Any) -> None:
    answer = caller.pull("notices", {"url": url})
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert caller.lever("notices")["url"] == receiver.url


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mode": "explode"},
        {"mode": ["send"]},
        {"mode": "duplicate", "times": 1},
        {"mode": "shuffle", "seconds": -1},
        {"mode": "send", "speed": 1},
        {"resend": "no such reference"},
        {"resend": None},
        {"resend": "1", "tamper": "everything"},
        {"resend": "1", "tamper": ["body"]},
        {"resend": "1", "signed_with": 7},
        {"compose": "text"},
        {"compose": {"a": 1}},
    ],
)
def test_a_lever_over_notices_that_makes_no_sense_is_refused(caller: Caller, body: Any) -> None:
    answer = caller.pull("notices", body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
