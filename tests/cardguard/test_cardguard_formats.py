"""The exact formats, sign by sign: each takes what stands at its borders and nothing beyond them."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime

import pytest

from service.cardguard import formats
from tests.architecture.rules import ROOT
from tests.cardguard.shapes import ANY_HEX, DIGITS, HEX, LETTERS, LOWER, UPPER, Shape, judged
from tests.support.cards import NUMBERS

OURS = "".join(sorted(set(LOWER) - set("aeiouy")))
PLAIN = LETTERS + DIGITS
SECRET = PLAIN + "_-"
CURSOR = Shape(("bcdfg", 1), (OURS, 14), ("bcdfg", 1), (OURS, 14))
ID = Shape((LOWER, 2, 4), "_", (OURS, 30))
DASH = ("-", 0, 1)
#: How an object of JSON begins in base64.
JSON = (("e", 1), ("y", 1), ("J", 1))
SIXTIETH = (("012345", 1), (DIGITS, 1))
DAY = ((DIGITS, 2), "-", ("01", 1), ("12", 1), "-", ("012", 1), ("12", 1))
SECOND = (*DAY, "T", ("01", 1), (DIGITS, 1), ":", *SIXTIETH, ":", *SIXTIETH)

SHAPES = {
    "CURSOR": [CURSOR],
    "OUR_ID": [ID],
    "CHARGE_ID": [Shape("ch_", (OURS, 30))],
    "GRANT_ID": [Shape("gr_", (OURS, 30))],
    "TICKET": [Shape((UPPER, 2, 10), "-", (DIGITS, 1, 8))],
    "ACCOUNT": [Shape((SECRET, 1, 64))],
    "UUID": [Shape((HEX, 8), "-", (HEX, 4), "-", ("12345678", 1), (HEX, 3), "-", ("89ab", 1), (HEX, 3), "-", (HEX, 12))],
    "PROVIDER_REF": [Shape((DIGITS, 1, 12))],
    "WORD": [Shape((LOWER, 1), (LOWER + "_.", 0, 62))],
    "PROVIDER_WORD": [Shape((UPPER, 1), (UPPER + "_", 0, 62))],
    "SCOPE": [Shape((LOWER, 2, 20), ":", (LOWER, 2, 20))],
    "MOMENT": [
        Shape("20", *SECOND, "Z", beside=DIGITS),
        Shape("21", *SECOND, (".", 1), (DIGITS, 1, 6), ("+-", 1), ("01", 1), (DIGITS, 1), ":", *SIXTIETH, beside=DIGITS),
    ],
    "SECRET_ID": [Shape((LETTERS, 1, 8))],
    "CURRENCY": [Shape((UPPER, 3))],
    "AMOUNT": [
        Shape("0", beside=DIGITS),
        Shape(("123456789", 1), (DIGITS, 0, 8), beside="0."),
        Shape(("0", 1), (".", 1), (DIGITS, 1, 3), beside=DIGITS),
    ],
    "KEY_NAME": [Shape((PLAIN + " ._-", 1, 64))],
    "ACTOR": [
        *(Shape(who) for who in ("key", "session", "worker", "bluesnap", "operator", "person")),
        Shape("worker:", (LOWER, 2, 4), "_", (OURS, 30)),
        Shape("login:", (LOWER + "_", 1, 24), beside=DIGITS),
    ],
    "LOGIN": [Shape((LOWER + "_", 1, 24), beside=DIGITS)],
    "FRAUD_SESSION": [Shape((PLAIN, 1, 32))],
    "HEX_32": [Shape((HEX, 32))],
    "IDEMPOTENCY_KEY": [
        Shape((ANY_HEX, 8), DASH, (ANY_HEX, 4), DASH, (ANY_HEX, 4), DASH, (ANY_HEX, 4), DASH, (ANY_HEX, 12), beside="-")
    ],
    "API_KEY": [Shape(f"pk_{where}_", (SECRET, 43)) for where in ("simulator", "sandbox", "production")],
    "CLIENT_SECRET": [Shape("pcs_", (OURS, 30), "_", (SECRET, 43))],
    "IDENTITY": [Shape(*JSON, (SECRET, 10, 700), ".", *JSON, (SECRET, 10, 6000), ".", (SECRET, 43, 1024))],
    "COUNTRY": [Shape((LETTERS, 2))],
    "STATE": [Shape((UPPER, 2))],
    "ZIP": [Shape((PLAIN, 1), (PLAIN + " -", 0, 15))],
    "EMAIL": [Shape((PLAIN + "._%+'-", 1, 64), "@", (PLAIN + "-", 1, 63), ".", (PLAIN + "-", 1, 63))],
}  # fmt: skip


def taker(name):
    return lambda value: formats.matches(getattr(formats, name), value)


def test_every_format_has_its_shape_here():
    words = {"ALPHABET", "ID_LENGTH", "DIGIT_BUDGET", "CURSOR_LENGTH", "SCOPES", "NAME_LENGTH", "NAME_MARKS"}
    words |= {"PURPOSES", "REVIEWS", "PERSON_SCOPES", "KEY_DAYS", "MOST_KEY_DAYS"}
    assert {name for name in vars(formats) if name.isupper() or "HEX" in name} - words == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_format_takes_what_its_shape_says_and_nothing_else(name):
    assert judged(taker(name), *SHAPES[name]) == ([], [])


def test_address_of_mail_has_two_to_seven_names_after_the_sign():
    assert [formats.matches(formats.EMAIL, f"a@b{'.b' * more}") for more in range(9)] == [
        False,
        *[True] * 6,
        False,
        False,
    ]


def test_login_has_six_digits_at_most_in_one_place():
    logins = ["a1", "a123456", "a123456b", f"a1{'b' * 24}", "a1234567", "a1b2", "1a", f"a1{'b' * 25}"]
    assert [taker("LOGIN")(login) for login in logins] == [True] * 4 + [False] * 4
    assert [taker("ACTOR")(f"login:{login}") for login in logins] == [True] * 4 + [False] * 4


@pytest.mark.parametrize("account", ["key", "worker:", "key:acct-a", "Key", "keysession", "session:key"])
def test_actor_is_a_word_of_ours_with_or_without_an_id(account):
    assert taker("ACTOR")(account) is (account == "key")


@pytest.mark.parametrize(
    ("form", "size", "low", "high"),
    [
        ("{}-03-10T17:00:00Z", 4, 2000, 2199),
        ("2031-{}-10T17:00:00Z", 2, 1, 12),
        ("2031-03-{}T17:00:00Z", 2, 1, 31),
        ("2031-03-10T{}:00:00Z", 2, 0, 23),
        ("2031-03-10T17:{}:00Z", 2, 0, 59),
        ("2031-03-10T17:00:{}Z", 2, 0, 59),
        ("2031-03-10T17:00:00-{}:00", 2, 0, 23),
        ("2031-03-10T17:00:00+00:{}", 2, 0, 59),
    ],
)
def test_moment_is_one_that_can_be_with_its_zone(form, size, low, high):
    taken = taker("MOMENT")
    every = [f"{number:0{size}}" for number in range(10**size)]
    assert [one for one in every if taken(form.format(one))] == [f"{one:0{size}}" for one in range(low, high + 1)]


def test_moment_is_read_with_its_zone_and_only_of_a_day_that_there_is():
    assert formats.moment("2031-03-10T17:00:00.5+02:00") == datetime(2031, 3, 10, 15, 0, 0, 500_000, tzinfo=UTC)
    assert formats.moment("2032-02-29T00:00:00Z") == datetime(2032, 2, 29, tzinfo=UTC)
    assert [formats.moment(text) for text in ("2031-02-29T00:00:00Z", "2031-03-10T17:00:00", "now")] == [None] * 3


def test_letters_of_ids_are_the_consonants_without_y():
    assert formats.ALPHABET == OURS == "".join(sign for sign in string.ascii_lowercase if sign not in "aeiouy")
    assert formats.ID_LENGTH == 30


def test_cursor_has_room_for_no_more_than_the_database_can_compare():
    largest = 5 * 20**formats.CURSOR_LENGTH // 20
    assert largest < 2**63 < largest * 20


def test_amount_has_decimals_whatever_stands_before_them():
    amounts = ["1.5", "10.50", "123456789.125", "1.", "1.0000", "01", "00.1", "1234567890.1"]
    assert [taker("AMOUNT")(amount) for amount in amounts] == [True] * 3 + [False] * 5


def test_scopes_are_those_that_the_doors_ask_for():
    doors = "".join(door.read_text(encoding="utf-8") for door in (ROOT / "service" / "web").glob("*.py"))
    people = set(re.findall(r"Person\(\"([a-z]+:[a-z]+)\"\)", doors))
    assert people <= set(formats.PERSON_SCOPES)
    assert set(formats.SCOPES) == set(re.findall(r"\"([a-z]+:(?:read|write))\"", doors)) - people
    assert all(taker("SCOPE")(scope) for scope in (*formats.SCOPES, *formats.PERSON_SCOPES))


def test_format_is_matched_whole_and_of_ascii_digits_only():
    assert formats.matches(r"\d{2}", "42")
    assert not formats.matches(r"\d{2}", "421")
    assert not formats.matches(r"\d{2}", "1421")
    assert not formats.matches(r"\d{2}", "\u0664\u0662")


@pytest.mark.parametrize("sign", ["7", "\u0667", "\uff17", "\u2466", "\u2077", "\U0001d7d5", "\u0be7"])
def test_digit_of_any_script_counts_against_the_budget(sign):
    assert formats.digits(f"a{sign}b{sign}") == 2
    assert formats.within_budget(sign * 12)
    assert not formats.within_budget(sign * 13)


def test_sign_that_stands_for_two_digits_counts_for_two():
    assert formats.within_budget("\u246a" * 6)
    assert not formats.within_budget("\u246a" * 7)


@pytest.mark.parametrize("number", NUMBERS)
def test_card_number_is_no_name_of_anything(number):
    for accepts in (formats.is_account, formats.is_fraud_session, formats.is_person_name):
        assert not accepts(number)
        assert not accepts(number[:13])
        assert accepts(number[:12])


@pytest.mark.parametrize(
    ("accepts", "rich"),
    [
        (formats.is_account, "12345678-9012-4345-8678-90123456789a"),
        (formats.is_account, "ABCDEF12-3456-4890-A234-567890123456"),
        (formats.is_fraud_session, "0123456789ABCDEF0123456789abcdef"),
    ],
)
def test_exact_format_may_be_rich_in_digits_in_either_case(accepts, rich):
    assert accepts(rich)
    assert not accepts(rich + "1")
    assert not accepts(rich[:-1] + "g")


def test_name_of_a_person_is_neither_blank_nor_endless():
    assert formats.is_person_name("O")
    assert formats.is_person_name(" O ")
    assert formats.is_person_name("x" * 100)
    assert not formats.is_person_name("x" * 101)
    assert not formats.is_person_name(" " * 99)
    assert not formats.is_person_name("")


@pytest.mark.parametrize("sign", " '\u2019.,-7\u0664\u0301\u674e")
def test_name_of_a_person_may_have_letters_marks_digits_and_few_signs(sign):
    assert formats.is_person_name(f"Mira{sign}")


@pytest.mark.parametrize("sign", '<>@/\\"`;:!?&=_+*#%()[]{}|~^$\n\t\x00\u200b\u2028\u00bd\u2460\ue000')
def test_name_of_a_person_has_no_other_signs(sign):
    assert not formats.is_person_name(f"Mira{sign}")
    assert not formats.is_person_name(f"{sign}Mira")
