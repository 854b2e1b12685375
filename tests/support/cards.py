"""Published test card numbers (bluesnap/test-data.md) and the ways in which people and programs spell them."""

from __future__ import annotations

import re

VISA = "4263982640269299"
MASTERCARD = "5425233430109903"
AMEX = "374245455400126"
NUMBERS = (VISA, MASTERCARD, AMEX)


def spellings(number):
    """A name and a text for each way to write a number."""
    groups = [number[start : start + 4] for start in range(0, len(number), 4)]
    wide = number.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    arabic = number.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    return {
        "plain": number,
        "spaced": " ".join(groups),
        "dashed": "-".join(groups),
        "dotted": ".".join(groups),
        "full width": wide,
        "Arabic digits": arabic,
        "in a sentence": f"card {number} please",
        "after letters": f"abc_{number}",
    }


def windows(number, size=8):
    """Every run of `size` digits of a number: what may not be found anywhere."""
    return [number[start : start + size] for start in range(len(number) - size + 1)]


def traces(text, number):
    """The runs of eight digits of the number that a text holds, however they are separated, in whatever script."""
    folded = "".join(str(int(character)) if character.isdecimal() else character for character in text)
    squeezed = re.sub(r"[\s.\-]", "", folded)
    return [window for window in windows(number) if window in folded or window in squeezed]
