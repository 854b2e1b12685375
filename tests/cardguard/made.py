"""Card numbers made for a test: of any first digits and length, with the check digit that belongs to them or a slip. No real card has them but by chance."""

from __future__ import annotations


def card(first, length):
    """A number with these first digits and the check digit that belongs to them."""
    body = first + "1" * (length - 1 - len(first))
    return next(body + str(digit) for digit in range(10) if sound(body + str(digit)))


def sound(number):
    """The check digit again, as the standard tells it: every second digit doubled from the right, digits of the products added."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def slipped(number):
    """The last digit is wrong."""
    return number[:-1] + str((int(number[-1]) + 5) % 10)


def cut(number, shape, sign=" "):
    """The digits in groups of these sizes."""
    starts = [sum(shape[:place]) for place in range(len(shape))]
    assert sum(shape) == len(number)
    return sign.join(number[start : start + size] for start, size in zip(starts, shape, strict=True))


def odd(first, length):
    """A card number that no card number is backwards: its check digit is a 7."""
    bodies = (f"{first}{body:0{length - 5}}" for body in range(100))
    return next(body + "7" for body in bodies if sound(body + "7"))
