"""Which unbroken digits are card numbers: brands, lengths and check digit, at their borders. What is called honest here must stay so."""

from __future__ import annotations

import pytest

from service.cardguard import detect_numbers as numbers
from tests.cardguard.made import card, odd, slipped, sound

#: First digits, from and to (ISO/IEC 7812-1 and the brands' published tables), and the lengths of whole numbers; written down anew, not taken from the code.
RANGES = [
    ("2200", "2204", (16, 17, 18, 19)),
    ("2221", "2720", (16,)),
    ("3000", "3059", (14, 16, 17, 18, 19)),
    ("3095", "3095", (14, 16, 17, 18, 19)),
    ("3400", "3499", (15,)),
    ("3528", "3589", (16, 17, 18, 19)),
    ("3600", "3699", (14, 16, 17, 18, 19)),
    ("3700", "3799", (15,)),
    ("3800", "3999", (14, 16, 17, 18, 19)),
    ("4000", "4999", (13, 16, 19)),
    ("5000", "5099", (14, 15, 16, 17, 18, 19)),
    ("5100", "5599", (16,)),
    ("5600", "6999", (14, 15, 16, 17, 18, 19)),
    ("8100", "8299", (16, 17, 18, 19)),
    ("8600", "8600", (16,)),
    ("9792", "9792", (16,)),
    ("9860", "9860", (16,)),
]


def lengths_of(first):
    return next((lengths for low, high, lengths in RANGES if low <= first <= high), ())


@pytest.mark.parametrize("thousand", range(10))
def test_every_four_first_digits_have_the_lengths_of_their_brand(thousand):
    firsts = [f"{first:04}" for first in range(thousand * 1000, thousand * 1000 + 1000)]
    assert {first: numbers.lengths(first) for first in firsts} == {first: lengths_of(first) for first in firsts}


def test_first_digits_of_no_text_have_no_length():
    assert numbers.lengths("") == ()
    assert numbers.lengths("2") == ()


@pytest.mark.parametrize(("low", "high", "lengths"), RANGES)
def test_number_is_a_card_with_its_brand_length_and_check_digit(low, high, lengths):
    for first in (low, high):
        for length in range(12, 21):
            assert numbers.is_card(card(first, length)) is (length in lengths)
            assert not numbers.is_card(slipped(card(first, length)))
            assert numbers.luhn(card(first, length))


def test_check_digit_is_that_of_the_standard():
    assert [number for number in map(str, range(10, 5000)) if numbers.luhn(number) != sound(number)] == []


# An unbroken run.


@pytest.mark.parametrize(("low", "high", "lengths"), RANGES)
@pytest.mark.parametrize("zeros", ["", "0", "0000"])
def test_run_is_found_with_its_check_digit_and_from_fourteen_digits_without(low, high, lengths, zeros):
    del high
    for length in lengths:
        assert numbers.in_text(zeros + card(low, length))
        assert numbers.in_text(zeros + slipped(card(low, length))) is (length > 13)


@pytest.mark.parametrize("more", ["0", "03", "0330", "737"])
def test_run_that_begins_with_a_number_is_found_with_what_follows(more):
    assert numbers.in_text(card("4000", 16) + more)
    assert numbers.in_text(card("3782", 15) + more)
    assert numbers.in_text(card("3000", 14) + more)


def test_run_of_a_brand_but_of_none_of_its_lengths_is_honest():
    honest = [slipped(card("4000", 16))[:15], slipped(card("5200", 16)) + "2", slipped(card("3782", 15)) + "1"]
    assert [run for run in honest if numbers.in_text(run)] == []


def test_thirteen_digits_are_a_number_only_by_themselves():
    thirteen = card("4000", 13)
    assert numbers.in_text(thirteen)
    assert numbers.in_text("0" + thirteen)
    assert not numbers.in_text(thirteen[:12])
    assert [digit for digit in "17" if numbers.in_text(thirteen + digit)] == []


def test_long_run_is_searched_everywhere_and_a_short_one_at_its_beginning():
    number = card("4000", 16)
    assert not numbers.in_text("91" + number)
    assert not numbers.in_text("9182"[:3] + number)
    assert not numbers.in_text("9182" + number)
    assert numbers.in_text("91827" + number)
    assert numbers.in_text("91827364" + number)
    assert numbers.in_text("91" + number + "182")


def test_number_of_thirteen_digits_within_a_long_run_is_not_searched():
    assert not numbers.in_text("77777777" + card("4000", 13))
    assert numbers.in_text("7777777" + card("3600", 14))


def test_run_of_more_than_twenty_four_digits_is_nobodys():
    assert not numbers.in_text("1" * 24)
    assert numbers.in_text("1" * 25)
    assert not numbers.in_text("0" * 24)
    assert numbers.in_text("0" * 25)


@pytest.mark.parametrize(("first", "length"), [("4000", 16), ("3782", 15), ("3600", 14), ("6200", 18), ("6200", 17)])
def test_run_is_found_backwards_if_it_has_its_check_digit(first, length):
    assert numbers.in_text(odd(first, length)[::-1])
    assert not numbers.in_text("1" + odd(first, length)[::-1][1:])


@pytest.mark.parametrize(("first", "length"), [("4000", 13), ("4000", 19), ("6200", 19)])
def test_thirteen_and_nineteen_digits_are_honest_backwards(first, length):
    assert not numbers.in_text(odd(first, length)[::-1])


@pytest.mark.parametrize(("first", "honest"), [("14", False), ("15", True), ("19", True), ("20", False)])
def test_microseconds_of_our_time_are_no_number_backwards(first, honest):
    forwards = next(
        number
        for number in (f"4{middle:013}{first[::-1]}" for middle in range(1000))
        if sound(number) and not numbers.is_card(number[::-1])
    )
    assert numbers.in_text(forwards[::-1]) is not honest
