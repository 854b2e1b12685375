"""Inputs made to make a scan slow, each for any size in bytes or thereabouts."""

from __future__ import annotations

import base64
import gzip

HOSTILE = {
    "digits far apart": lambda size: ("1" + "a") * (size // 2),
    "single digits": lambda size: "1 " * (size // 2),
    "pairs": lambda size: "47 " * (size // 3),
    "groups of four": lambda size: "4444 " * (size // 5),
    "groups of six": lambda size: "444444 a " * (size // 9),
    "runs of twenty-four": lambda size: ("4" * 24 + "a ") * (size // 26),
    "long gaps": lambda size: "1......" * (size // 7),
    "percent signs": lambda size: "%25" * (size // 3),
    "backslashes": lambda size: "\\" * size,
    "ampersands": lambda size: "&#" * (size // 2),
    "tags that do not end": lambda size: "<a" * (size // 2),
    "equals signs": lambda size: "=4" * (size // 2),
    "colons": lambda size: "2:" * (size // 2),
    "dots": lambda size: "1." * (size // 2),
    "hexadecimal": lambda size: "a1" * (size // 2),
    "hexadecimal words": lambda size: ("1" * 31 + "g ") * (size // 33),
    "base64 of nothing": lambda size: "A" * size,
    "base64 of base64": lambda size: base64.b64encode(base64.b64encode(b"ab12" * (size * 9 // 64))).decode(),
    "base32": lambda size: "A" * (size - 1) + "_",
    "marks out of order": lambda size: "a" + "\u0327\u0301" * (size // 4),
    "many letters": lambda size: "".join(chr(0x3400 + place % 20000) for place in range(size // 3)),
    "bank accounts": lambda size: "DE11 1111 1111 " * (size // 15),
    "carets": lambda size: "111111111111^" * (size // 13),
    "cvv": lambda size: "cvv------" * (size // 9),
    "gzip words": lambda size: (base64.b64encode(gzip.compress(bytes(50_000))).decode() + " ") * (size // 110),
}
