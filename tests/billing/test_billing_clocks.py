"""This machine's clock and the database's are compared: shown, told from two seconds on, and a process that is far off is not ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service import wiring
from service.app import create_app
from service.billing import clocks, watch
from service.telemetry import metrics
from tests.support.web import problem


def apart(tools, seconds):
    """Tools of a machine whose clock is so far ahead of the database's, which is this machine's here."""
    return replace(tools, machine_clock=lambda: wiring.system_clock() + timedelta(seconds=seconds))


def shown():
    return metrics.CLOCK_SKEW._value.get()


@pytest.mark.parametrize(("seconds", "told"), [(0, False), (1, False), (4, True), (-4, True), (3_600, True)])
def test_clocks_that_are_apart_by_more_than_two_seconds_are_told(tools, logged, seconds, told):
    watch.watch(apart(tools, seconds))
    assert ('"event": "clock.apart"' in logged()) is told
    assert shown() == pytest.approx(abs(seconds), abs=0.5)


def test_what_the_answer_took_is_no_difference(tools):
    readings = iter([wiring.system_clock() - timedelta(seconds=5), wiring.system_clock() + timedelta(seconds=5)])
    with tools.engine.connect() as connection:
        offset = clocks.measured(replace(tools, machine_clock=lambda: next(readings)), connection)
    assert offset.uncertain == pytest.approx(timedelta(seconds=5), abs=timedelta(seconds=0.1))
    assert offset.at_least == timedelta(0)


@pytest.mark.parametrize(("seconds", "ready"), [(0, True), (20, True), (-20, True), (40, False), (-40, False)])
def test_process_whose_clock_is_far_off_is_not_ready(tools, seconds, ready):
    client = create_app(apart(tools, seconds)).test_client()
    answer = client.get("/readyz")
    if ready:
        assert answer.status_code == 200
    else:
        problem(answer, 503, "not_ready")
    assert shown() == pytest.approx(abs(seconds), abs=0.5)
    assert client.get("/healthz").status_code == 200


def test_business_time_that_is_moved_by_tests_is_no_difference(tools, clock):
    clock.advance(days=400)
    watch.watch(tools)
    assert shown() < 1
