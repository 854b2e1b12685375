"""Every case of the leak matrix against the running system, and every place where something of it could stay."""

from __future__ import annotations

import pytest
from leaks_payloads import canary, ways
from leaks_registry import JUDGES, SENDERS
from leaks_run import load_senders

from service.evidence.pieces import Piece
from service.evidence.scanner import Scanner
from service.evidence.sinks import ABSENT, SINKS
from tests.support.disguises import FORMS, KINDS, PIECES, cases

#: The first test waits for the whole run.
pytestmark = [pytest.mark.leaks, pytest.mark.timeout(900)]
CASES = cases()
THERE = [number for number in SINKS if number not in ABSENT]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.entry}-{case.data}-{case.enc}")
def test_case_behaves_as_expected(run, case):
    result = run.results[case.id]
    for error in result.errors:
        raise error
    assert result.hits == []


@pytest.mark.parametrize("sink", THERE)
def test_sink_is_clean(run, sink):
    read = [one.id for one in run.sinks if sink in one.id.split("+")]
    assert read, "nobody has read it"
    for number in read:
        assert number not in run.unread, run.unread[number]
        assert run.hits[number] == []


def test_scanner_finds_what_is_planted_in_every_sink(run):
    assert run.tested.sinks == {}


def test_every_form_is_found_as_sent(run):
    assert run.tested.forms == {}
    assert [case.id for case in CASES if case.data in KINDS and not finds(case)] == []


def finds(case):
    """Whether the search finds what this case sends, in the middle of a log."""
    sent = [one if isinstance(one, bytes) else one.encode() for one in ways(case, "nobody")]
    search = Scanner([canary("case", case)])
    return all(search.search("S00", [Piece("log", b"before " + one + b" behind\n", 1)]) for one in sent)


def test_matrix_is_whole_and_every_entry_has_a_sender():
    load_senders()
    assert len(CASES) >= 378
    assert len({case.id for case in CASES}) == len(CASES)
    assert {case.entry for case in CASES} == set(SENDERS)
    assert {case.data for case in CASES} <= {*KINDS, "D10", "D11", "D15", "-"}
    assert {case.enc for case in CASES} <= {*FORMS, *PIECES}
    assert {case.expect for case in CASES} >= set(JUDGES)


def test_absent_sinks_are_named_with_reasons(run):
    read = {number for sink in run.sinks for number in sink.id.split("+")}
    assert read.isdisjoint(ABSENT)
    assert read | set(ABSENT) == set(SINKS)
    assert all(len(reason.split()) > 4 for reason in ABSENT.values())


def test_report_of_the_run_holds_nothing_that_was_sent(run):
    assert run.report_hits == []
