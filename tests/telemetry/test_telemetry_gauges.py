"""The gauges among the metrics: read when somebody asks, not too often, by one reader at a time; and whatever fails, the other metrics are shown."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.telemetry import gauges


@dataclass
class Read:
    what: str
    label: str
    number: int
    seconds: float


@pytest.fixture
def shown():
    """All samples that a reading shows, by name and label; `read` answers what waits."""

    def shown(read, state=None):
        registry = CollectorRegistry()
        Counter("other", "Something else", registry=registry).inc()
        registry.register(state or gauges.State(read))
        families = text_string_to_metric_families(generate_latest(registry).decode())
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    return shown


def test_what_waits_is_shown_with_its_number_and_age(shown):
    found = shown(
        lambda: [Read("signups", "stuck", 3, 7_200.5), Read("feed", "", 5, 1.5), Read("tasks", "overcharge", 1, 9.0)]
    )
    assert found["panless_signups_waiting", "stuck"] == 3
    assert found["panless_signups_oldest_seconds", "stuck"] == 7_200.5
    assert (found["panless_feed_behind_entries",], found["panless_feed_behind_seconds",]) == (5, 1.5)
    assert found["panless_tasks_open", "overcharge"] == 1
    assert found["panless_state_readable",] == 1


def test_days_of_the_key_that_ends_first_are_shown_where_there_is_a_key(shown):
    assert shown(lambda: [Read("keys", "", 2, 129_600.0)])["panless_key_days_left",] == 1.5
    assert ("panless_key_days_left",) not in shown(lambda: [Read("keys", "", 0, 0.0)])


def test_what_does_not_wait_is_shown_as_nothing(shown):
    found = shown(list)
    assert {name: value for name, value in found.items() if value} == {
        ("panless_state_readable",): 1,
        ("other_total",): 1,
    }
    assert ("panless_signups_waiting", "subscription_unknown") in found
    assert ("panless_notices_oldest_seconds", "failed") in found


def test_rounds_are_shown_by_age_and_the_sweep_by_its_differences(shown):
    found = shown(lambda: [Read("rounds", "sweep", 12, 60.0), Read("rounds", "look", 0, 2.0)])
    assert found["panless_round_age_seconds", "sweep"] == 60
    assert found["panless_round_age_seconds", "look"] == 2
    assert found["panless_sweep_last_differences",] == 12


def test_failure_shows_that_it_failed_and_all_other_metrics(shown, logged):
    def fail():
        raise RuntimeError("4012888888881881")

    assert shown(fail) == {("other_total",): 1, ("panless_state_readable",): 0}
    assert '"event": "metrics.state_unread"' in logged()
    assert '"error": "RuntimeError"' in logged()
    assert "4012888888881881" not in logged()


def test_value_of_before_a_failure_is_not_shown_again(shown, monkeypatch):
    monkeypatch.setattr(gauges, "SECONDS", 0.0)
    answers = iter([[Read("signups", "stuck", 3, 1.0)], None])

    def read():
        found = next(answers)
        if found is None:
            raise OSError
        return found

    state = gauges.State(read)
    assert shown(None, state)["panless_signups_waiting", "stuck"] == 3
    assert ("panless_signups_waiting", "stuck") not in shown(None, state)


def test_readings_in_quick_succession_ask_once(shown):
    asked = []
    state = gauges.State(lambda: asked.append(1) or [])
    for _ in range(5):
        shown(None, state)
    assert len(asked) == 1


def test_readers_at_once_ask_once(shown):
    asked, begun, go = [], threading.Event(), threading.Event()

    def read():
        asked.append(1)
        begun.set()
        assert go.wait(10)
        return [Read("signups", "stuck", 3, 1.0)]

    state, found = gauges.State(read), []
    threads = [threading.Thread(target=lambda: found.append(shown(None, state))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(asked) == 1
    assert [one["panless_signups_waiting", "stuck"] for one in found] == [3] * 4


def test_registering_asks_nothing():
    CollectorRegistry().register(gauges.State(lambda: pytest.fail("asked")))
