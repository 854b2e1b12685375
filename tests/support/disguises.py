"""The data kinds and the forms of the leak matrix: what a case of `tests/leaks/matrix.csv` sends. Published test numbers only (bluesnap/test-data.md)."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import quopri
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

MATRIX = Path(__file__).resolve().parents[1] / "leaks" / "matrix.csv"
KINDS = {
    "D01": "4012888888881881",
    "D02": "2223003122003222",
    "D03": "371449635398431",
    "D04": "38520000023237",
    "D05": "4222222222222",
    "D06": "6205500000000000004",
    "D07": "6011000990139424",
    "D08": "3566002020360505",
    "D09": "6771798021000008",
    "D12": "%B4012888888881881^DOE/JANE^30031010000000000000?",
    "D13": ";2223003122003222=30031010000012300000?",
    "D18": "4012888888881882",
}
SPARES = [
    "5555555555554444",
    "5105105105105100",
    "5200828282828210",
    "4263982640269299",
    "6011111111111117",
    "30569309025904",
    "36227206271667",
    "3530111333300000",
    "5019717010103742",
    "378282246310005",
    "4111111111111111",
    "5425233430109903",
    "374245455400126",
    "60115564485789458",
    "6271701225979642",
    "5895626746595650",
]
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@dataclass(frozen=True)
class Case:
    """One line of the matrix. `spec` is the outcome that the specification names, where it is another than the `expect` of here (tests/leaks/README.md)."""

    id: str
    entry: str
    data: str
    enc: str
    expect: str
    spec: str
    hot: str
    note: str


def cases():
    """All lines of the matrix."""
    with MATRIX.open(encoding="utf-8", newline="") as lines:
        return [Case(**row) for row in csv.DictReader(lines)]


def _grouped(sign):
    return lambda text: sign.join(text[start : start + 4] for start in range(0, len(text), 4))


def _digits_from(zero):
    return lambda text: text.translate({ord("0") + digit: zero + digit for digit in range(10)})


def _circled(text):
    return text.translate({ord("0"): "\u24ea", **{ord("0") + digit: 0x245F + digit for digit in range(1, 10)}})


def _b64(text):
    return base64.b64encode(text.encode()).decode()


def _url64(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _exponent(text):
    return f"{text[0]}.{text[1:]}"


def _nested(text):
    return json.dumps({"a": json.dumps({"b": json.dumps({"c": text})})})


def _deep(text):
    return '{"a":' * 20 + json.dumps(text) + "}" * 20


def _thousands(text):
    head = len(text) % 3 or 3
    return ",".join([text[:head], *(text[start : start + 3] for start in range(head, len(text), 3))])


def _half(text):
    return len(text) // 2


#: Form: what becomes of the text. What makes several values of one is in `PIECES`.
FORMS = {
    "X00": str,
    "X01": _grouped(" "),
    "X02": _grouped("-"),
    "X03": _grouped("."),
    "X04": _grouped("\u00a0"),
    "X05": _grouped("\u2009"),
    "X06": lambda text: "".join(sign + "\u200b" for sign in text),
    "X07": _grouped("\u00ad"),
    "X08": _grouped("\t"),
    "X09": _grouped("\r\n"),
    "X10": _grouped("/"),
    "X11": _grouped("_"),
    "X12": _grouped("x"),
    "X13": _digits_from(0xFF10),
    "X14": _digits_from(0x0660),
    "X15": _digits_from(0x0966),
    "X16": _digits_from(0x1D7CE),
    "X17": _circled,
    "X18": lambda text: text.replace("0", "O").replace("1", "l"),
    "X19": lambda text: "".join(f"%{ord(sign):02X}" for sign in text),
    "X20": lambda text: "".join(f"%25{ord(sign):02X}" for sign in text),
    "X21": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "X22": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "X23": _b64,
    "X24": lambda text: _url64("x" + text),
    "X25": lambda text: _b64(json.dumps({"number": text})),
    "X26": lambda text: text.encode().hex(),
    "X27": lambda text: f"{int(text):x}",
    "X28": lambda text: base64.b32encode(text.encode()).decode(),
    "X29": lambda text: base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(),
    "X30": lambda text: gzip.compress(text.encode(), mtime=0),
    "X31": lambda text: text.encode("utf-16-le"),
    "X32": lambda text: f"+{base64.b64encode(text.encode('utf-16-be')).decode().rstrip('=')}-".encode(),
    "X33": lambda text: (
        quopri.encodestring(text.encode()).decode() + "\n" + "".join(f"={ord(sign):02X}" for sign in text)
    ),
    "X34": lambda text: text[::-1],
    "X35": str,
    "X36": lambda text: f"{_exponent(text)}e{len(text) - 1}",
    "X37": lambda text: f"{text}.0",
    "X38": lambda text: f"+000{text}",
    "X42": str,
    "X43": _deep,
    "X44": _nested,
    "X45": lambda text: "lorem ipsum dolor " * 570 + text,
    "X46": lambda text: f"https://shop.example/pay?card={quote(text)}&next=1",
    "X47": lambda text: "9182" + text + "7654321098"[: 20 - len(text)],
    "X48": lambda text: f"<![CDATA[{text}]]>",
    "X49": lambda text: f"{_url64(json.dumps({'alg': 'none'}))}.{_url64(json.dumps({'sub': text}))}.",
    "X50": lambda text: f"data:text/plain;base64,{_b64(text)}",
    "X52": _thousands,
    "X53": lambda text: f"{_exponent(text)}E+{len(text) - 1}",
    "X54": lambda text: " ".join(WORDS[int(sign)] for sign in text if sign.isdigit()),
    "X55": lambda text: f"\u202e{text[:8]}\u202c\u2066{text[8:]}\u2069",
    "X56": lambda text: f"{text[: _half(text)]} and then {text[_half(text) :]}",
}
PIECES = {
    "X39": lambda text: [text[: _half(text)], text[_half(text) :]],
    "X40": lambda text: [text[start : start + 4] for start in range(0, len(text), 4)],
    "X41": list,
}
