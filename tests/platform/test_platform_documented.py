"""What docs/operating.md tells receivers holds: its check of a signature takes our events and no others, and its list of acts is ours."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import pytest

from service.billing.telling import PAUSES, TOLD
from service.config import ROOT
from service.platform.outcomes import Cause
from service.platform.signing import signed_headers

SECRET = b"k" * 32
TEXT = "whsec_" + base64.b64encode(SECRET).decode()
MOMENT = datetime(2031, 3, 10, 17, 0, tzinfo=UTC)
NOW = MOMENT.timestamp()


@pytest.fixture(scope="module")
def section():
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    return text.partition("## Events to the platform\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def is_genuine(section):
    made = {}
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], made)  # it is our own page
    return made["is_genuine"]


def test_receivers_check_takes_what_we_sign(is_genuine):
    headers = signed_headers("ev_a", MOMENT, b"{}", [b"n" * 32, SECRET])
    assert is_genuine(headers, b"{}", TEXT, now=lambda: NOW + 299)


@pytest.mark.parametrize("seconds", [-301, 302])
def test_receivers_check_refuses_what_is_not_of_now(is_genuine, seconds):
    headers = signed_headers("ev_a", MOMENT, b"{}", [SECRET])
    assert not is_genuine(headers, b"{}", TEXT, now=lambda: NOW + seconds)


def test_receivers_check_refuses_what_we_did_not_sign(is_genuine):
    headers = signed_headers("ev_a", MOMENT, b"{}", [SECRET])
    assert not is_genuine(headers, b"{} ", TEXT, now=lambda: NOW)
    assert not is_genuine(signed_headers("ev_a", MOMENT, b"{}", [b"n" * 32]), b"{}", TEXT, now=lambda: NOW)


def test_documented_acts_are_exactly_those_that_are_told(section):
    listed = section.partition("entry of these acts:")[2].partition(".\n\n")[0]
    named, subject = [], ""
    for word in re.findall(r"`([a-z_.]+)`", listed):
        subject = subject if word.startswith(".") else word.partition(".")[0]
        named.append(subject + word if word.startswith(".") else word)
    assert sorted(named) == sorted(act.value for act in TOLD)


def test_documented_schedule_is_the_one_that_is_kept(section):
    units = {"s": 1, "min": 60, "h": 3_600}
    told = section.partition("is repeated after ")[2].partition(";")[0]
    assert [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", told)] == list(PAUSES)


def test_every_cause_is_documented(section):
    assert not [cause.value for cause in Cause if f"`{cause.value}`" not in section]
