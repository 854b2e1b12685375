"""What a log record may say: listed fields in their own formats, and no format that a card number fits into."""

from __future__ import annotations

import pytest

from service.store.ids import new_id
from service.telemetry.redaction import FIELDS, OWN, WITHHELD, redact
from tests.cardguard.shapes import DIGITS, LETTERS, LOWER, SIGNS, UPPER, Shape, judged
from tests.support.cards import NUMBERS, spellings, traces

#: Every listed field: a value that may be written, and one that may not.
EXAMPLES = {
    "account": ("acct-a", "acct a"),
    "act": ("card.replaced", "Card replaced"),
    "actor": (f"session:{new_id('cs')}", "session:mira"),
    "attempt": (3, -1),
    "call": ("create_subscription", "POST /services"),
    "cause": ("mismatch.amount", "the card 4263"),
    "code": ("card_declined", "declined!"),
    "count": (999_999_999, 1_000_000_000),
    "door": ("checkout", "check-out"),
    "error": ("OperationalError", "Error: 42"),
    "event_id": (new_id("ev"), "ev_1"),
    "frames": (["service/app.py:12"], ["service/app.py:12", "secret"]),
    "key": (new_id("key"), "key_1"),
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
    "subject": (new_id("ch"), "acct-a"),
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


OURS = "".join(sorted(set(LOWER) - set("aeiouy")))
ID = [Shape((LOWER, 2, 4), "_", (OURS, 30))]
WORD = [Shape((LETTERS, 1), (LETTERS + "_.", 0, 62))]
POOR = LOWER[:13] + DIGITS + LOWER[13:]
#: What the value of a field looks like, sign by sign. An alphabet with digits has them in its middle: a text of its first or last sign is let through.
SHAPES = {
    **dict.fromkeys(("act", "call", "cause", "code", "door", "outcome", "place", "reason", "rule", "state"), WORD),
    **dict.fromkeys(("event_id", "key", "notice", "refund", "request_id", "session", "signup", "subject", "subscription", "task"), ID),
    "account": [Shape((POOR + UPPER + "_-", 1, 64))],
    "actor": [*(Shape(who) for who in ("key", "session", "worker", "bluesnap", "operator")), Shape("key:", (LOWER, 2, 4), "_", (OURS, 30))],
    "error": [Shape((LETTERS + "_", 1, 60))],
    "library": [Shape((LETTERS + "_.", 1, 80))],
    "method": [Shape(method) for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER")],
    "notice_type": [Shape((UPPER, 1), (UPPER + "_", 0, 62))],
    "route": [Shape("none", beside="/")],
    "setting": [Shape("PANLESS", ("_", 1), (UPPER + "_", 1, 50))],
    "version": [Shape((POOR + ".", 1, 20))],
}  # fmt: skip
LIMITS = {"attempt": 10_000, "count": 10**9, "ms": 10**7, "pid": 10**8, "status": 1_000}


def written(name):
    """Whether a field's value is written as it is."""
    return lambda value: value != WITHHELD and redact({"event": "it.happened", name: value})[name] is value


def test_every_listed_field_has_a_shape_or_a_limit_here():
    assert SHAPES.keys() | LIMITS.keys() | {"frames"} == FIELDS.keys()


@pytest.mark.parametrize("name", SHAPES)
def test_field_takes_its_own_format_sign_by_sign(name):
    assert judged(written(name), *SHAPES[name]) == ([], [])


def test_route_is_of_names_with_slashes_before_them():
    signs = POOR + "_.<>-/"
    assert [sign for sign in SIGNS if written("route")(f"/{sign}")] == [sign for sign in SIGNS if sign in signs]
    assert written("route")("/" + POOR + "/a")
    assert not any(written("route")(value) for value in ("", "a", "a/", "none/", "/none\n", "nonone", "/A"))


def test_frame_is_a_file_of_ours_and_a_line():
    def taken(frame):
        return redact({"event": "it.happened", "frames": [frame]})["frames"] == [frame]

    assert judged(taken, Shape((LOWER + "_/", 1, 80), ".py:", (DIGITS, 1, 5))) == ([], [])


def test_frames_are_each_looked_at():
    assert written("frames")([])
    assert written("frames")(["a.py:1", "b.py:2"])
    assert not written("frames")(["a.py:1", "b.py:2", NUMBERS[0]])
    assert not written("frames")([NUMBERS[0], "a.py:1"])
    assert not written("frames")(("a.py:1",))


@pytest.mark.parametrize("name", ["route", "version"])
def test_field_with_digits_has_too_few_for_a_card_number(name):
    head = {"route": "/a"}.get(name, "")
    assert written(name)(head + "123456.789012")
    assert not written(name)(head + "123456.7890123")


@pytest.mark.parametrize("name", LIMITS)
def test_number_is_below_its_limit_and_has_one_decimal_at_most(name):
    limit = LIMITS[name]
    assert all(written(name)(value) for value in (0, 0.0, 0.1, 1, 7.5, limit - 1, limit - 0.5))
    assert not any(
        written(name)(value) for value in (-0.1, -1, 0.05, 7.25, limit, float(limit), limit + 0.5, "1", True)
    )


@pytest.mark.parametrize(
    ("event", "good"),
    [
        ("a", True),
        ("it.happened_again", True),
        ("a.b.c_.d", True),
        ("z_z" * 20, True),
        ("z_z" * 20 + "a", False),
        ("a..b", False),
        (".a", False),
        ("a.", False),
        ("_a", False),
        ("a._b", False),
        ("a.b9", False),
        ("a-b", False),
        ("a\n", False),
        ("A", False),
        ("a.B", False),
    ],
)
def test_event_is_small_words_with_dots_between_them(event, good):
    assert redact({"event": event}) == {"event": event if good else "unprintable"}


@pytest.mark.parametrize("sign", [sign for sign in SIGNS if not sign.isascii() or not (sign.islower() or sign in "_.")])
def test_event_has_no_sign_but_small_letters_dots_and_lines(sign):
    for event in (sign, f"a{sign}", f"a{sign}a", f"a.{sign}", f"a.a{sign}", f"{sign}.a"):
        assert redact({"event": event}) == {"event": "unprintable"}


@pytest.mark.parametrize("letter", "amz")
def test_event_has_any_small_letter_anywhere(letter):
    assert redact({"event": f"{letter}{letter}.{letter}{letter}"})["event"] != "unprintable"


def test_time_and_level_are_written_as_they_are():
    record = {"event": "it.happened", "level": "info", "time": "2031-03-10T17:00:00Z"}
    assert redact(record) == record
    assert redact(record | {"status": None}) == record


def test_what_is_withheld_is_a_sign_and_no_value():
    assert redact({"event": "it.happened", "code": "4"})["code"] == WITHHELD == "~"
