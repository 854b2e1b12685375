"""Which groups of digits are card numbers, in a text and in several fields, at their borders. What is called honest here must stay so."""

from __future__ import annotations

import pytest

from service.cardguard import detect_numbers as numbers
from tests.cardguard.made import card, cut, odd, slipped

# Groups of digits.

GROUPED = [
    ("5200", (4, 4, 4, 4)),
    ("5200", (8, 8)),
    ("3782", (4, 6, 5)),
    ("3782", (4, 4, 4, 3)),
    ("3600", (4, 6, 4)),
    ("3600", (4, 4, 4, 2)),
    ("4000", (4, 4, 4, 4, 3)),
    ("6200", (6, 13)),
]


@pytest.mark.parametrize(("first", "shape"), GROUPED)
def test_number_grouped_as_on_a_card_is_found_with_a_slip_too(first, shape):
    number = card(first, sum(shape))
    assert numbers.in_text(cut(number, shape))
    assert numbers.in_text(cut(slipped(number), shape))
    assert not numbers.in_text(cut("1" + slipped(number)[1:], shape))


@pytest.mark.parametrize("shape", [(5, 5, 6), (4, 12), (12, 4), (2, 7, 7), (4, 4, 8), (10, 6), (8, 4, 4), (6, 6, 4)])
def test_number_in_other_groups_is_found_with_its_check_digit_only(shape):
    number = card("5200", 16)
    assert numbers.in_text(cut(number, shape))
    assert not numbers.in_text(cut(slipped(number), shape))


@pytest.mark.parametrize(
    ("shape", "found"),
    [(shape, True) for shape in ((4, 4, 4, 1), (1, 3, 3, 3, 3), (1, 12), (4, 9), (1,) * 13, (2,) * 6 + (1,), (7, 6))]
    + [(shape, False) for shape in ((3, 3, 3, 4), (5, 8), (1, 4, 4, 4), (2, 11), (3, 5, 5), (4, 5, 4), (12, 1))],
)
def test_thirteen_digits_are_found_in_their_own_groups_only(shape, found):
    number = card("420000000000", 13)
    assert numbers.in_text(cut(number, shape)) is found
    assert not numbers.in_text(cut(slipped(number), shape))


@pytest.mark.parametrize("sign", [*" -./_:,;|#*+=~\\\t\n", " - ", "......", "x", "X", " / "])
def test_groups_may_have_any_one_sign_between_them(sign):
    assert numbers.in_text(cut(slipped(card("5200", 16)), (4, 4, 4, 4), sign))


@pytest.mark.parametrize("sign", ["a", " a ", "xx", "0x", ".......", "       ", "y", " x "])
def test_letter_or_seven_signs_end_a_number(sign):
    assert not numbers.in_text(cut(card("5200", 16), (4, 4, 4, 4), sign))


def test_groups_among_other_groups_are_found_with_one_and_the_same_sign():
    number = cut(slipped(card("5200", 16)), (4, 4, 4, 4), "-")
    assert numbers.in_text(f"1234567 {number}")
    assert numbers.in_text(f"{number} 1234567")
    assert numbers.in_text(f"12 {number} 737")
    assert numbers.in_text(f"12-{number}-737")
    assert not numbers.in_text(f"1234567 {number.replace('-', ' ', 1)} 1234567")


@pytest.mark.parametrize(
    "shape", [(4, 4, 4, 4), (5, 6, 5), (2, 6, 6, 2), (1, 7, 7, 1), (3, 3, 3, 3, 4), (4, 12), (12, 4)]
)
def test_number_among_other_groups_is_found_in_groups_that_are_not_short(shape):
    number = cut(card("5200", 16), shape, "-")
    assert numbers.in_text(f"7777777 {number} 7777777")


@pytest.mark.parametrize("shape", [(4, 2, 4, 6), (1, 7, 2, 6), (6, 1, 9), (2, 2, 6, 6)])
def test_short_group_within_ends_a_number_among_other_groups(shape):
    assert not numbers.in_text(f"7777777 {cut(card('5200', 16), shape, '-')} 7777777")


@pytest.mark.parametrize("first", [f"{first}00" for first in (52, 40)])
def test_window_is_of_thirteen_to_nineteen_digits(first):
    number = cut(card("4000", 19), (4, 4, 4, 4, 3), "-")
    assert numbers.in_text(f"7777777 {number} 7777777")
    thirteen = cut(card(first[:1] + "200", 13), (4, 4, 4, 1), "-")
    assert numbers.in_text(f"7777777 {thirteen} 7777777") is first.startswith("4")


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("length", [13, 16, 19])
def test_single_digits_and_pairs_are_joined_whatever_stands_between(size, length):
    number = card("4000", length)
    groups = [number[start : start + size] for start in range(0, length, size)]
    mixed = "".join(group + sign for group, sign in zip(groups, " -./" * 5, strict=False))
    assert numbers.in_text(mixed)
    assert numbers.in_text(f"777 {mixed} 777 777 7777")
    assert not numbers.in_text(mixed[:-2] if size == 1 else mixed[:-3])


def test_groups_of_three_are_not_joined_over_different_signs():
    number = card("3782", 15)
    mixed = "".join(number[start : start + 3] + sign for start, sign in zip(range(0, 15, 3), " -./ ", strict=True))
    assert numbers.in_text(mixed)
    assert not numbers.in_text(f"7777 {mixed} 7777")


def test_six_groups_of_three_are_not_joined_over_different_signs():
    number = card("6200", 18)
    mixed = "".join(number[start : start + 3] + sign for start, sign in zip(range(0, 18, 3), " -./ -", strict=True))
    assert not numbers.in_text(f"7777 {mixed} 7777")
    assert not numbers.in_pieces(["7777", *(number[start : start + 3] for start in range(0, 18, 3)), "7777"])


@pytest.mark.parametrize(("first", "length"), [("3600", 14), ("3782", 15), ("5200", 16), ("6200", 18), ("4000", 19)])
def test_whole_number_is_found_whatever_its_groups_and_signs(first, length):
    number = card(first, length)
    assert numbers.in_text(f"{number[:5]}-{number[5:9]} {number[9:]}")
    assert not numbers.in_text(f"{slipped(number)[:5]}-{number[5:9]} {slipped(number)[9:]}")


def test_row_of_pairs_ends_where_a_longer_group_begins():
    pairs = cut(card("4000", 16), (2,) * 8, " ")
    assert numbers.in_text(f"{pairs} 777")
    assert numbers.in_text(f"777 {pairs}")
    assert not numbers.in_text(f"777 {pairs[:-3]}")
    assert not numbers.in_text(f"77 {pairs}")


def test_zeros_before_groups_are_left_out():
    number = cut(card("5200", 16), (5, 5, 6), "-").replace("-", " ", 1)
    assert numbers.in_text(f"0-00-{number}")
    assert numbers.in_text(f"00000000-{number}")
    assert not numbers.in_text(f"000000000-{number}")
    assert not numbers.in_text(f"1-{number}")


def test_groups_are_found_backwards():
    number = odd("4000", 16)
    assert numbers.in_text(cut(number[::-1], (5, 5, 6)))
    assert not numbers.in_text(cut(number[::-1], (5, 5, 6)) + " 7")


# A telephone number.


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4200000000000", True),
        ("+4200000000000", False),
        ("+420 000 000 0000", False),
        ("+4200-0000-0000-0", False),
        ("4200-0000-0000-0", True),
        ("+ 4200000000000", True),
        ("4200000000000 +", True),
        ("4200000000000+", True),
        ("a+4200000000000", False),
        ("+04200000000000", True),
        ("+36227206271667", True),
        ("+0036227206271667", True),
    ],
)
def test_plus_sign_makes_thirteen_digits_a_telephone_number(text, found):
    number = card("420000000000", 13)
    text = (
        text.replace("4200-0000-0000-0", cut(number, (4, 4, 4, 1), "-"))
        .replace("4200000000000", number)
        .replace("420 000 000 0000", cut(number, (3, 3, 3, 4)))
    )
    assert numbers.in_text(text.replace("36227206271667", card("3600", 14))) is found


# Two numbers with words between them.


def parted(number, place, between):
    return number[:place] + between + number[place:]


@pytest.mark.parametrize("place", [6, 7, 8, 9, 10])
@pytest.mark.parametrize("between", [" and then ", "a", " - a", "a" * 40, "(b)", "+a+"])
def test_halves_are_joined_over_a_few_words(place, between):
    number = card("5200", 16)
    assert numbers.in_text(parted(number, place, between))
    assert numbers.may_hold(parted(number, place, between))
    assert not numbers.in_text(parted(slipped(number), place, between))


@pytest.mark.parametrize("place", [1, 4, 5, 11, 12, 15])
def test_halves_have_six_digits_at_least(place):
    assert not numbers.in_text(parted(card("5200", 16), place, " and then "))


def test_longer_half_has_thirteen_digits_at_most():
    assert numbers.in_text(parted(card("6200", 19), 6, " and "))
    assert numbers.in_text(parted(card("6200", 19), 13, " and "))
    assert not numbers.in_text("7" + parted(card("6200", 19), 6, " and "))


@pytest.mark.parametrize("digit", "0179")
def test_half_is_no_part_of_a_longer_number(digit):
    number = card("6200", 19)
    assert not numbers.in_text(digit + parted(number, 13, " and "))
    assert not numbers.in_text(parted(number, 6, " and ") + digit)


def test_halves_may_stand_in_a_sentence():
    assert numbers.in_text(f"please take {parted(card('5200', 16), 8, ' and ')} thanks")
    assert numbers.in_text(f"please take {parted(card('6200', 19), 13, ' and ')}.")


@pytest.mark.parametrize("sign", "\"'@:=<>{}[]&?/;")
def test_halves_are_not_joined_from_value_to_value(sign):
    assert not numbers.in_text(parted(card("5200", 16), 8, f"a{sign}a"))


def test_halves_are_not_joined_over_forty_one_signs_or_a_digit():
    assert not numbers.in_text(parted(card("5200", 16), 8, "a" * 41))
    assert not numbers.in_text(parted(card("5200", 16), 8, "a4a"))


def test_halves_are_found_after_other_numbers():
    assert numbers.in_text("777777 a 7777777 b " + parted(card("5200", 16), 8, " c "))
    assert not numbers.in_text(parted(card("5200", 16), 8, " c ") + "7")


# Numbers in several fields.


@pytest.mark.parametrize("place", range(1, 16))
def test_neighbours_of_six_digits_and_more_make_a_number(place):
    pieces = [card("5200", 16)[:place], card("5200", 16)[place:]]
    assert numbers.in_pieces(pieces) is (6 <= place <= 10)
    assert numbers.halves(["7", *pieces, "7"]) is (6 <= place <= 10)


def test_half_has_thirteen_digits_at_most():
    number = card("6200", 19)
    assert numbers.halves([number[:6], number[6:]])
    assert not numbers.halves([number[:5], number[5:]])
    assert numbers.halves([number[:13], number[13:]])
    assert not numbers.halves([number[:14], number[14:]])


def test_halves_are_neighbours():
    first, second = card("5200", 16)[:8], card("5200", 16)[8:]
    assert numbers.halves(["777777", first, second])
    assert not numbers.halves([first, "7", second])
    assert not numbers.halves([first, "777777", second])
    assert not numbers.halves([second, first])
    assert not numbers.halves([first])
    assert not numbers.halves([])
    assert not numbers.halves([slipped(card("5200", 16))[:8], slipped(card("5200", 16))[8:]])


@pytest.mark.parametrize(("first", "shape"), [*GROUPED, ("4000", (4, 4, 4, 1))])
def test_pieces_grouped_as_on_a_card_are_found_among_others(first, shape):
    pieces = cut(card(first, sum(shape)), shape).split()
    for before, after in ((["1"], ["2", "3"]), ([], ["77"]), (["777"], []), (["1", "22"], ["4444"])):
        assert numbers.in_pieces([*before, *pieces, *after])
        assert not numbers.in_pieces([*before, *cut(slipped(card(first, sum(shape))), shape).split(), *after])


@pytest.mark.parametrize("shape", [(5, 5, 6), (4, 5, 7), (2, 6, 6, 2), (4, 4, 8), (5, 6, 5), (5, 5, 3, 3)])
def test_pieces_in_other_groups_are_honest(shape):
    assert not numbers.in_pieces(cut(card("5200", 16), shape).split())


@pytest.mark.parametrize(
    ("length", "size"), [(15, 5), (15, 3), (16, 4), (14, 5), (16, 6), (19, 5), (18, 6), (13, 5), (15, 4)]
)
def test_pieces_that_are_all_alike_make_one_number(length, size):
    first = {13: "4000", 14: "3600", 15: "3782", 16: "5200", 18: "6200", 19: "4000"}[length]
    number = card(first, length)
    pieces = [number[start : start + size] for start in range(0, length, size)]
    assert numbers.in_pieces(pieces)
    assert numbers.in_pieces(["77", *pieces]) is (size == 4 and length > 14)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("length", [13, 16, 19])
def test_pieces_of_one_or_two_digits_are_a_row_among_others(size, length):
    number = card("4000", length)
    pieces = [number[start : start + size] for start in range(0, length, size)]
    assert numbers.in_pieces(["777", *pieces, "777"])
    assert not numbers.in_pieces(["777", *pieces[:-1], "777", "777"])


def test_pieces_of_too_few_or_too_many_digits_are_honest():
    assert not numbers.in_pieces([])
    assert not numbers.in_pieces(["5"])
    assert not numbers.in_pieces(["4000", "1111", "1111"])
    assert not numbers.in_pieces(["4"] * 20)
    assert not numbers.in_pieces(["55", "55"])


# The cheap question.


@pytest.mark.parametrize("text", ["5" * 13, "5 " * 13, "55-" * 7, "5x" * 13, "a 5555555555555 b", "5......" * 13])
def test_thirteen_digits_near_one_another_may_be_a_number(text):
    assert numbers.may_hold(text)


@pytest.mark.parametrize(
    "text", ["5" * 12, "5 " * 12, "5555a5555a5555a5555", "5a" * 40, "5......." * 13, "", "a" * 40, "55555 a 5555555555"]
)
def test_fewer_or_scattered_digits_are_no_number(text):
    assert not numbers.may_hold(text)
