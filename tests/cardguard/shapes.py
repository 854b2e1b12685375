"""A format as a row of parts, each an alphabet and how many signs of it; and the values at its borders, just inside and just outside."""

from __future__ import annotations

import string

DIGITS = string.digits
LOWER = string.ascii_lowercase
UPPER = string.ascii_uppercase
LETTERS = LOWER + UPPER
HEX = DIGITS + "abcdef"
ANY_HEX = HEX + "ABCDEF"
#: All that is printed in ASCII, and what passes for a digit, a letter or nothing at all elsewhere.
SIGNS = string.printable + "\u0661\uff14\u00e4\u017f\u212a\u200b\x00\x7f"


class Shape:
    """`Shape("abc", (DIGITS, 2), (LOWER, 0, 3))` is the text abc, two digits and up to three letters. `beside` are signs that `bad` does not try."""

    def __init__(self, *parts, beside=""):
        self.parts = [(part, None, None) if isinstance(part, str) else (part[0], part[1], part[-1]) for part in parts]
        self.beside = beside

    def _value(self, place=None, text="", size=1):
        """Every part but one at its smallest or largest size; `size` says which."""
        pieces = []
        for index, (alphabet, *sizes) in enumerate(self.parts):
            if index == place:
                pieces.append(text)
            else:
                pieces.append(alphabet if sizes[0] is None else alphabet[0] * sizes[size - 1])
        return "".join(pieces)

    def good(self):
        """Each part of each of its signs, and as short and as long as it may be."""
        yield from (self._value(size=size) for size in (1, 2))
        for place, (alphabet, low, high) in enumerate(self.parts):
            for sign in alphabet if high else ():
                yield self._value(place, sign * max(low, 1))
            for size in {low, high} - {None}:
                yield self._value(place, alphabet[-1] * size)

    def bad(self):
        """One sign of no part, first or last in a part; a part too short or too long; a constant part that is another."""
        for place, (alphabet, low, high) in enumerate(self.parts):
            if low is None:
                filled = alphabet
                yield self._value(place)
                yield self._value(place, alphabet + alphabet)
            else:
                filled = alphabet[0] * max(low, 1)
                yield self._value(place, alphabet[0] * (high + 1), size=2)
                yield from [self._value(place, alphabet[0] * (low - 1))] if low else []
            for sign in sorted(set(SIGNS) - set(alphabet) - set(self.beside)):
                yield self._value(place, sign + filled[1:])
                yield self._value(place, filled[:-1] + sign)


def judged(accepts, *shapes):
    """What a check does not take of the good values, and takes of the bad ones."""
    refused = [value for shape in shapes for value in shape.good() if not accepts(value)]
    taken = [value for shape in shapes for value in shape.bad() if accepts(value)]
    return refused, taken
