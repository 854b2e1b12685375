"""The floor of the guard, as anybody writes it first: a regular expression over digits, and the check digit. `python -m bench.floors.scan`."""

from __future__ import annotations

import re

from bench import child, corpus

_DIGITS = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def holds_card(text: str) -> bool:
    """Whether something in the text has 13 to 19 digits, with a space or a dash between them at most, and the right check digit."""
    return any(_luhn(found.group()) for found in _DIGITS.finditer(text))


def _luhn(text: str) -> bool:
    digits = [int(sign) for sign in text if sign.isdigit()][::-1]
    return sum(digit if place % 2 == 0 else sum(divmod(digit * 2, 10)) for place, digit in enumerate(digits)) % 10 == 0


def main() -> None:
    """Answer what is asked."""
    child.serve(*corpus.works(holds_card))


if __name__ == "__main__":
    main()
