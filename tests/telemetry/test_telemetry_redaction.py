"""What a log record may say: listed fields in their own formats, and no format that a card number fits into."""

from __future__ import annotations

import pytest

from service.store.ids import new_id
from service.telemetry.redaction import FIELDS, OWN, WITHHELD, redact
from tests.support.cards import NUMBERS, spellings, traces

#: Every listed field: a value that may be written, and one that may not.
EXAMPLES = {
    "account": ("acct-a", "acct a"),
    "actor": (f"session:{new_id('cs')}", "session:mira"),
    "addresses": ("127.0.0.1:8080", "http://user@host"),
    "attempt": (3, -1),
    "call": ("create_subscription", "create subscription"),
    "cause": ("mismatch.amount", "the card 4263"),
    "change": ("plan", "plan 2"),
    "code": ("card_declined", "declined!"),
    "count": (999_999_999, 1_000_000_000),
    "door": ("checkout", "check-out"),
    "error": ("OperationalError", "Error: 42"),
    "event_id": (new_id("ev"), "ev_1"),
    "frames": (["service/app.py:12"], ["service/app.py:12", "secret"]),
    "key": (new_id("key"), "pk_simulator_secret"),
    "library": ("gunicorn.error", "a library"),
    "method": ("POST", "BREW"),
    "ms": (12.5, 12.123),
    "notice": (new_id("nt"), "nt_1"),
    "notice_type": ("CHARGE", "charge"),
    "outcome": ("applied", "applied 7"),
    "pid": (4_194_304, 100_000_000),
    "place": ("header", "X-Header-1"),
    "reason": ("stale", "stale\n"),
    "refund": (new_id("rf"), "rf"),
    "request_id": (new_id("req"), "req_1"),
    "route": ("/v1/checkout-sessions/<session_id>", "/v1/accounts/Mira"),
    "rule": ("blue_snap_wins", "rule 4"),
    "session": (new_id("cs"), "cs_"),
    "setting": ("PANLESS_WEBHOOK_KEYS", "HOME"),
    "signup": (new_id("su"), "su"),
    "state": ("active", ""),
    "status": (503, 1_000),
    "subscription": (new_id("sub"), 7),
    "task": (new_id("tk"), "task 1"),
    "version": ("0002", "a b"),
}


def test_every_listed_field_has_examples_here():
    assert set(EXAMPLES) == set(FIELDS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_field_in_its_format_is_written_and_another_withheld(name):
    good, bad = EXAMPLES[name]
    assert redact({"event": "it.happened", name: good}) == {"event": "it.happened", name: good}
    assert redact({"event": "it.happened", name: bad}) == {"event": "it.happened", name: WITHHELD}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "odd",
    [b"bytes", 1.5e300, float("nan"), float("inf"), True, [], {}, [1], ("a",), object()],
    ids=lambda odd: f"{type(odd).__name__} {str(odd)[:3]}",
)
def test_field_of_an_odd_type_breaks_nothing(name, odd):
    written = redact({"event": "it.happened", name: odd})[name]
    assert written == WITHHELD or written is odd
    assert name == "frames" or written == WITHHELD


@pytest.mark.parametrize("name", FIELDS)
def test_field_never_takes_a_card_number_in_any_form(name):
    for number in NUMBERS:
        fraction = float(f"{number[:6]}.{number[6:]}")
        whole = [
            number,
            int(number),
            float(number),
            fraction,
            [number],
            [f"a.py:{number}"],
            {"card": number},
            number.encode(),
        ]
        for value in [*spellings(number).values(), *whole]:
            assert redact({"event": "it.happened", name: value})[name] == WITHHELD, value


def test_field_that_is_not_listed_is_dropped_with_its_name():
    written = redact({"event": "it.happened", "card": NUMBERS[0], NUMBERS[0]: "x", "password": "secret", "status": 200})
    assert written == {"event": "it.happened", "status": 200}


def test_field_without_a_value_is_left_out():
    assert redact({"event": "it.happened", "code": None}) == {"event": "it.happened"}


@pytest.mark.parametrize(
    "event", [*spellings(NUMBERS[0]).values(), "It happened", "it.happened!", "", "a" * 61, None, 7, b"it", ["it"]]
)
def test_event_that_is_no_constant_name_is_not_written(event):
    assert redact({"event": event}) == {"event": "unprintable"}


def test_record_without_an_event_is_still_written():
    assert redact({"status": 200}) == {"event": "unprintable", "status": 200}


def test_own_fields_are_only_the_time_and_the_level():
    assert OWN == ("time", "level")
    assert traces(str(redact({"event": "it.happened", "when": NUMBERS[0]})), NUMBERS[0]) == []
