"""The cases of the leak matrix whose way in is a value of a request: body, address, header, custom parameter of a notice."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from service.cardguard.detect import holds_card, names_card_data, numbers_hold_card
from tests.support.disguises import FORMS, KINDS, PIECES, cases
from tests.support.honest import AGENTS, Honest

HONEST = Honest(4)
CODES = {"D10": "737", "D11": "7373"}
#: The door's other guards answer for these: nothing can tell them from honest text (letters for digits, words; an expiry date and a name).
UNRECOGNISABLE = {"X18", "X54"}
UNLABELLED = {"D15"}
#: D01 backwards reads as a moment of 2029 in microseconds, which proxies send.
AMBIGUOUS = {("D01", "X34")}
LABELS = {"D10": "cvv", "D11": "cid"}
#: Entries that take a value, by their numbers: fields, bodies, addresses, headers, protocol, browser-fed, and what notices carry.
ENTRIES = {f"E{number:02}" for number in (*range(1, 75), *range(76, 79), *range(80, 100))}


def recognisable(case):
    return case.enc not in UNRECOGNISABLE and case.data not in UNLABELLED and (case.data, case.enc) not in AMBIGUOUS


CASES = [case for case in cases() if case.entry in ENTRIES]
FIELDS = {f"E{number:02}" for number in range(1, 14)}


def finds(case):
    """What the detection says of a case: of the name, of the value under its name, of the pieces, or of the value alone."""
    if case.note.startswith("property named "):
        return names_card_data(case.note.removeprefix("property named "))
    if case.data in CODES:
        name = LABELS[case.data]
        return holds_card(f"{name}={CODES[case.data]}") and names_card_data(name)
    if case.enc in PIECES:
        return numbers_hold_card(PIECES[case.enc](KINDS[case.data]))
    return holds_card(FORMS[case.enc](KINDS[case.data]))


def test_matrix_is_whole():
    assert len(cases()) == 378
    assert len({case.id for case in cases()}) == 378
    assert len(CASES) > 250
    assert {case.entry for case in CASES} >= FIELDS | {"E30", "E31", "E40", "E61", "E82"}


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if recognisable(case)],
    ids=lambda case: f"{case.id}-{case.entry}-{case.data}-{case.enc}",
)
def test_case_of_the_matrix_is_found(case):
    assert finds(case) is not None


def test_cases_that_cannot_be_found_are_few_and_named():
    left = [case for case in CASES if not recognisable(case)]
    assert sorted(case.id for case in left) == ["L083", "L111", "L131", "L144", "L159", "L258", "L261", "L269"]
    assert not any(case.data in KINDS and finds(case) for case in left)


def with_card_inside():
    """A payment-fields token with an honest run of digits in it that passes for a card number."""
    return "a" * 20 + KINDS["D02"] + "b" * 28


#: The negative controls. Those that speak of a log field are judged as if somebody had sent them.
CONTROLS = {
    "N01": [with_card_inside()],
    "N02": [HONEST.hexes(64) for _ in range(1000)],
    "N03": [HONEST.uuid() for _ in range(1000)],
    "N04": [HONEST.uuid().replace("-", "") for _ in range(1000)],
    "N05": ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "01JD9F8YQ3M2N4P6R8T0V2X4Z6"],
    "N06": [base64.urlsafe_b64encode(HONEST.chance.randbytes(32)).decode().rstrip("=") for _ in range(1000)],
    "N07": [str(moment) for moment in range(1_700_000_000_000, 1_900_000_000_000, 1_234_567_891)],
    "N08": [
        *[str(moment) for moment in range(1_700_000_000 * 10**6, 1_900_000_000 * 10**6, 1_234_567_891_235)],
        *[str(moment) for moment in range(1_700_000_000 * 10**9, 1_900_000_000 * 10**9, 1_234_567_891_234_567)],
    ],
    "N09": ["11234567890123456789", "17293822569102704640", "9182736455463728190"],
    "N10": ["+4915123456789", "+49 151 23456789", "+8613812345678", "004915123456789"],
    "N11": ["12345678901@example.org"],
    "N12": ["02451-1234", "44114-0001"],
    "N13": ["12345 North 67th Street"],
    "N14": ["Studio 123456 GmbH"],
    "N15": ["Zo\u00eb O'Neil-M\u00fcller"],
    "N16": ["\u674e\u5c0f\u9f99", "\u4e94\u5341\u5d50 \u4e00\u4e8c\u4e09"],
    "N17": ["\u0645\u062d\u0645\u062f \u0627\u0644\u062e\u0637\u064a\u0628"],
    "N18": ["Smith & Sons Ltd. & Co."],
    "N19": ["1234567890.12"],
    "N20": ["24510001"],
    "N21": ["22345678"],
    "N22": ["1012345678"],
    "N23": ["2025-04-18 08:00:12.345"],
    "N24": list(AGENTS),
    "N25": [
        "2001:db8:85a3::8a2e:370:7334",
        "2400:3200:2000:1111:2222:3333:4444:5555",
        "fe80::1234:5678:9012:3456",
        "::1",
    ],
    "N26": [HONEST.hexes(32) for _ in range(1000)],
    "N27": [HONEST.hexes(40) for _ in range(1000)],
    "N28": [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1000)],
    "N29": [base64.b64encode(hmac.digest(b"k", str(number).encode(), "sha256")).decode() for number in range(1000)],
    "N30": ["1881"],
    "N31": ["VISA", "MASTERCARD"],
    "N32": ["2026-03-31", "20260331"],
    "N33": ["401288888888"[:11] + "7", "500000000009"],
    "N34": ["7001234567890123", "1001234567890123"],
    "N35": ["DE123456789", "GB 123 4567 89", "ATU12345678"],
    "N36": ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"],
    "N37": ["10614141000415", "00012345600012"],
    "N38": ["1.2.3-rc.1+20240101.5", "131.0.6778.205"],
    "N39": ["\uff11\uff10\uff10-\uff10\uff10\uff10\uff11"],
    "N40": ["[" + ", ".join(map(str, range(40))) + "]", '{"a":[' + ",".join(map(str, range(1, 41))) + "]}"],
}


def test_every_negative_control_of_the_matrix_has_values():
    assert {case.entry for case in cases() if case.entry.startswith("N")} == set(CONTROLS)


@pytest.mark.parametrize("control", sorted(CONTROLS))
def test_honest_value_passes(control):
    assert [value for value in CONTROLS[control] if holds_card(value) or holds_card(value.encode())] == []


def test_forty_small_numbers_of_one_document_pass():
    for start in range(100):
        assert numbers_hold_card([str(number) for number in range(start, start + 40)]) is None


@pytest.mark.parametrize("value", ["7001234567890123", "1001234567890123"])
def test_number_of_no_brand_passes_where_one_of_a_brand_does_not(value):
    assert holds_card(value) is None
    assert holds_card("4" + value[1:]) is not None
