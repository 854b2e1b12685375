"""What a case sends: its data in its form, as text, as bytes, as a fragment of JSON; and what of it is to be found nowhere afterwards. Published test numbers only."""

from __future__ import annotations

import json
import re

from service.evidence.canaries import Canary
from tests.support.disguises import FORMS, KINDS, PIECES

CODES = {"D10": ("cvv", "737"), "D11": ("cid", "7373")}
EXPIRY = "03/2030"
#: The card number within a kind of data.
NUMBER = re.compile(r"[0-9]{13,19}")
#: Numbers of so few different digits that eight of them stand in honest text and in machine code.
POOR = {"D05", "D06"}
NAMED = "property named "
#: Forms that are JSON already.
RAW = {"X35", "X36", "X37", "X43"}


def number(case):
    """The card number that a case sends, in whatever form; None where it sends something shorter."""
    return NUMBER.search(KINDS[case.data])[0] if case.data in KINDS else None


def name(case):
    """Under which name a value is sent: that of the note, or the usual one of a code."""
    if case.note.startswith(NAMED):
        return case.note.removeprefix(NAMED)
    return CODES[case.data][0] if case.data in CODES else None


def text(case, marker):
    """The data of a case in its form, as text; forms that are bytes are `octets`. The person of D15 is called as nobody else is."""
    if case.data in CODES:
        return CODES[case.data][1]
    return f"{EXPIRY} {marker.capitalize()}" if case.data == "D15" else FORMS[case.enc](KINDS[case.data])


def labelled(case, marker):
    """The same as somebody would type it into one text: a code under its name."""
    label = name(case)
    return f"{label}={text(case, marker)}" if label else text(case, marker)


def ways(case, marker):
    """All ways in which a case writes its data down; text, or bytes where the form is."""
    return {fragment(case, marker)} if case.enc in PIECES else {text(case, marker), labelled(case, marker)}


def written(case, marker):
    """The same, all of it as text."""
    return {one if isinstance(one, str) else one.decode("latin-1") for one in ways(case, marker)}


def fragment(case, marker):
    """A JSON value."""
    if case.enc in PIECES:
        return f"[{', '.join(str(int(piece)) for piece in PIECES[case.enc](KINDS[case.data]))}]"
    if case.enc == "X22":
        return f'"{text(case, marker)}"'
    return text(case, marker) if case.enc in RAW else json.dumps(text(case, marker), ensure_ascii=False)


def watched(case, marker):
    """What must be found nowhere: the number in any form, and the words that only this case says."""
    found = [Canary(case.id, marker, word=True)]
    if case.data in KINDS:
        found.append(canary(case.id, case))
    return found


def canary(name, case):
    """The number of a case, to be searched for under a name. A poor one is searched for as it stands: parts of it are in any program."""
    if case.data in POOR:
        return Canary(name, number(case), word=True)
    sent = FORMS[case.enc](KINDS[case.data]) if case.enc in FORMS else ""
    return Canary(name, number(case), sent=sent if isinstance(sent, bytes) else sent.encode())


def short(case):
    """What is too short to be searched for anywhere but in what a case itself has left: a code, between signs that are no digits."""
    if case.data not in CODES:
        return None
    return re.compile(rb"(?<![0-9.])" + CODES[case.data][1].encode() + rb"(?![0-9.])")
