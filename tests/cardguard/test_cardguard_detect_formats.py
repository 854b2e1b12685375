"""The honest formats that are struck out before a text is searched: hashes, UUIDs, times, addresses and bank accounts, at their borders."""

from __future__ import annotations

import itertools

import pytest

from service.cardguard import detect_forms as forms
from tests.cardguard.shapes import ANY_HEX, DIGITS, HEX, Shape


def struck(text):
    """Whether all of a text is an honest format."""
    return forms.without_honest(text) == "z"


LETTER = "abcdefABCDEF"
HONEST = {
    **{
        f"hash of {size}": [
            Shape(("a", 1), (ANY_HEX, size - 1), beside=LETTER),
            Shape((DIGITS, size - 1), (LETTER, 1), beside=LETTER),
        ]
        for size in (24, 32, 40, 64)
    },
    "UUID": [
        Shape(("a", 1), (ANY_HEX, 7), "-", (ANY_HEX, 4), "-", ("12345678", 1), (ANY_HEX, 3), "-", ("89abAB", 1), (ANY_HEX, 3), "-", (ANY_HEX, 12), beside=LETTER),
        Shape((DIGITS, 8), "-", (DIGITS, 4), "-", "1", (DIGITS, 3), "-", "8", (DIGITS, 3), "-", (DIGITS, 11), (LETTER, 1), beside=LETTER + DIGITS),
    ],
    "trace": [
        Shape((HEX, 2), "-", ("a", 1), (HEX, 31), "-", (HEX, 16), "-", (HEX, 2), beside="abcdef"),
        Shape((HEX, 2), "-", (DIGITS, 31), ("abcdef", 1), "-", (HEX, 16), "-", (HEX, 2), beside="abcdef"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_honest_format_is_struck_out_sign_by_sign(name):
    assert [value for shape in HONEST[name] for value in shape.good() if not struck(value)] == []
    assert [value for shape in HONEST[name] for value in shape.bad() if struck(value)] == []


@pytest.mark.parametrize("name", HONEST)
def test_honest_format_is_struck_out_only_as_a_word(name):
    value = next(HONEST[name][0].good())
    assert forms.without_honest(f"({value}, {value})") == "(z, z)"
    assert forms.without_honest(f"_{value}-") == "_z-"
    for beside in "0aZz9A":
        assert not forms.without_honest(f"{beside}{value}").endswith("z")
        assert not forms.without_honest(f"{value}{beside}").startswith("z")


@pytest.mark.parametrize("size", [24, 32, 40, 64])
def test_hash_without_a_letter_is_digits(size):
    assert forms.without_honest("1" * size) == "1" * size
    assert struck("1" * (size - 1) + "a")
    assert struck("a" + "1" * (size - 1))


@pytest.mark.parametrize("size", [13, 16, 23, 25, 31, 33, 39, 41, 63, 65])
def test_hexadecimal_of_another_length_is_no_hash(size):
    assert not struck("a" + "1" * (size - 1))


def test_uuid_and_trace_without_a_letter_are_digits():
    assert not struck("11111111-1111-1111-8111-111111111111")
    assert not struck("a1111111-1111-a111-8111-111111111111")
    assert not struck("a1111111-1111-1111-c111-111111111111")
    assert struck("11111111-1111-1111-8111-11111111111a")
    assert not struck(f"00-{'1' * 32}-{'1' * 16}-01")
    assert not struck(f"0a-{'1' * 32}-{'a' * 16}-01")
    assert struck(f"00-{'1' * 31}a-{'1' * 16}-01")


def taken(form, size):
    return [one for one in map("".join, itertools.product(DIGITS, repeat=size)) if struck(form.format(one))]


def between(low, high, size=2):
    return [f"{one:0{size}}" for one in range(low, high + 1)]


@pytest.mark.parametrize(
    ("form", "size", "fitting"),
    [
        ("{}-03-10T17:00:00", 4, between(1900, 2099, 4)),
        ("2031-{}-10T17:00:00", 2, between(1, 12)),
        ("2031-03-{}T17:00:00", 2, between(1, 31)),
        ("2031-03-10T{}:00:00", 2, between(0, 23)),
        ("2031-03-10T17:{}:00", 2, between(0, 59)),
        ("2031-03-10T17:00:{}", 2, between(0, 69)),
        ("{}/10/2031 17:00:00", 2, between(1, 12)),
        ("03/{}/2031 17:00:00", 2, between(1, 31)),
        ("03/10/{} 17:00:00", 4, between(2000, 2099, 4)),
        ("2031-03-10T17:00:00+{}:00", 2, between(0, 29)),
        ("2031-03-10T17:00:00-02:{}", 2, between(0, 59)),
        *[(f"2031-03-10T17:00:00.{'1' * size}{{}}", 1, list(DIGITS) if size < 9 else []) for size in range(11)],
        ("{}.255.255.255", 1, list(DIGITS)),
        ("{}.255.255.255", 2, between(10, 99)),
        ("{}.255.255.255", 3, between(100, 255)),
        ("255.255.255.{}", 1, list(DIGITS)),
        ("255.255.255.{}", 2, between(10, 99)),
        ("255.255.255.{}", 3, between(100, 255)),
    ],
)
def test_time_and_address_have_numbers_that_can_be(form, size, fitting):
    assert taken(form, size) == fitting


@pytest.mark.parametrize(
    "text", ["2031-03-10t17:00:00", "2031-03-10 17:00:00", "2031-03-10T17:00:00Z"[:-1], "03/10/2031T17:00:00.5+01:30"]
)
def test_time_is_struck_out_as_it_is_written(text):
    assert struck(text)
    assert forms.without_honest(f"at {text}Z, {text}.") == "at zZ, z."


@pytest.mark.parametrize("digit", DIGITS)
def test_time_and_address_are_no_part_of_a_longer_number(digit):
    for text in ("2031-03-10T17:00:00", "03/10/2031 17:00:00", "255.0.2.255"):
        for longer in (f"{digit}{text}", f"{text}{digit}"):
            assert forms.without_honest(longer) == longer
    for longer in (f"{digit}.255.0.2.255", f"255.0.2.255.{digit}"):
        assert forms.without_honest(longer) == longer


@pytest.mark.parametrize(
    "text", ["2031-03-10_17:00:00", "2031-03-10  17:00:00", "2031.03.10T17:00:00", "2031-03-10T17.00.00", "2031-03-10"]
)
def test_other_times_are_left_as_they_are(text):
    assert forms.without_honest(text) == text


def test_address_of_four_numbers_stands_by_itself():
    assert forms.without_honest("at 192.0.2.1, 198.51.100.7:80") == "at z, z:80"
    for text in ("1.192.0.2.1", "192.0.2.1.1", "192.0.2", "192.0.2.1111", "192.0.2.1.", "192,0,2,1"):
        assert forms.without_honest(text) == (text if text != "192.0.2.1." else "z.")
    assert forms.without_honest("a192.0.2.1b") == "azb"


@pytest.mark.parametrize(
    "text",
    [
        "2001:db8::1",
        "2001:0DB8:85a3:0000:0000:8a2e:0370:7334",
        "3fff::",
        "fe80::1234:5678:9012:3456",
        "FE80::1",
        "::1",
        "::",
        "::1234:5678",
    ],
)
def test_address_of_eight_numbers_is_struck_out_if_it_is_one(text):
    assert struck(text)
    assert forms.without_honest(f"[{text}]:80 {text}, {text}/64") == "[z]:80 z, z/64"


@pytest.mark.parametrize(
    "text",
    [
        "4012:8888:8888:1881",
        "4012:8888::1881",
        "2001:db8",
        "2001:db8:1",
        "2001:db8::1::2",
        "2001:db8::12345",
        "1::2",
        "5200:8282:8282:8210:1:2:3:4",
        "12:34:56",
    ],
)
def test_what_is_no_address_in_use_is_left_as_it_is(text):
    assert forms.without_honest(text) == text


@pytest.mark.parametrize("sign", ANY_HEX + ":.")
def test_address_of_eight_numbers_is_no_part_of_a_longer_one(sign):
    longer = [f"{sign}2001:db8::1", f"2001:db8::1234{sign}"] if sign != "." else [".2001:db8::1"]
    assert list(map(forms.without_honest, longer)) == longer


@pytest.mark.parametrize("sign", ANY_HEX)
def test_address_of_eight_numbers_may_have_any_digit(sign):
    for text in (f"2{sign}01:db8::1", f"2001:db8::{sign}", f"2001:{sign * 4}::1", f"2001:db8::1{sign}"):
        assert struck(text)


def test_address_of_eight_numbers_stands_by_itself():
    for text in (
        "2001:db8::1:2:3:4:5:6:7",
        "a:2001:db8:1:2:3:4:5:6",
        "2001:db8:1:2:3:4:5:6:7",
        "2001:db8:1:2:3:4:5:6:",
    ):
        assert forms.without_honest(text) == text
    for letter in "Gg_":
        assert forms.without_honest(f"{letter}::1{letter}") == f"{letter}z{letter}"
    assert forms.without_honest("z2001:db8::1z") == "zzz"


ACCOUNTS = [
    "DE89370400440532013000",
    "GB82 WEST 1234 5698 7654 32",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "FR14 2004 1010 0505 0001 3M02 606",
    "LC55HEMM000100010012001200023015",
]


@pytest.mark.parametrize("text", ACCOUNTS)
def test_bank_account_is_struck_out_with_its_check_digits(text):
    assert struck(text)
    assert forms.without_honest(f"to {text}, {text}") == "to z, z"
    wrong = text[:3] + str((int(text[3]) + 1) % 10) + text[4:]
    assert forms.without_honest(wrong) == wrong
    assert forms.without_honest(text.lower()) == text.lower()
    for beside in "abz059ABZ":
        assert forms.without_honest(beside + text) == beside + text
    for beside in "abz":
        assert forms.without_honest(text + beside) == text + beside


def checked(country, rest):
    """A bank account with its check digits, whatever its country says of its length."""
    digits = "".join(str(int(sign, 36)) for sign in rest + country + "00")
    return f"{country}{98 - int(digits) % 97:02}{rest}"


@pytest.mark.parametrize("length", range(12, 38))
def test_bank_account_has_fifteen_to_thirty_four_signs(length):
    assert struck(checked("DE", "1" * (length - 4))) is (15 <= length <= 34)


@pytest.mark.parametrize("country", ["AA", "AZ", "ZA", "ZZ"])
@pytest.mark.parametrize("sign", "09AZ")
def test_bank_account_may_be_of_any_country_and_sign(country, sign):
    assert struck(checked(country, sign * 18))
    assert struck(checked(country, sign * 17 + "0"))


def test_bank_account_ends_before_the_blank_that_follows_it():
    assert forms.without_honest(f"{checked('AT', '1' * 16)} and {checked('DE', '1' * 18)} too") == "z and z too"


def test_bank_account_has_groups_of_four_with_one_blank():
    assert struck("DE89 3704 0044 0532 0130 00")
    for text in ("DE89  3704 0044 0532 0130 00", "DE89-3704-0044-0532-0130-00", "DE89 370 40044 0532 0130 00"):
        assert not struck(text)
