"""docs/operating.md lists exactly the fields that a record may have, every event that our code writes, and every metric; its alarms speak of these."""

from __future__ import annotations

import re

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from service import jobs
from service.billing.repair import log_review
from service.config import ROOT
from service.evidence.deployed import canary
from service.telemetry import gauges, logs, metrics
from service.telemetry.redaction import FIELDS

TEXT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
LOGS = TEXT[TEXT.index("\n## Logs\n") : TEXT.index("\n## Metrics\n")]
METRICS = TEXT[TEXT.index("\n## Metrics\n") : TEXT.index("\n## Notices\n")]
ALARMS = METRICS[METRICS.index("```yaml\n") :].removeprefix("```yaml\n").partition("```")[0]
EVENTS, _, FIELD_ROWS = LOGS.partition("| Field | Is |")


def names(rows):
    """The names in the first column; one that begins with a dot goes on from the one before."""
    found = []
    for cell in re.findall(r"^\| (`[^|]+) \|", rows, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", cell):
            found.append(f"{found[-1].split('.')[0]}{name}" if name.startswith(".") else name)
    return found


def test_documented_fields_are_exactly_those_that_are_written():
    found = names(FIELD_ROWS)
    assert len(found) == len(set(found))
    assert set(found) == set(FIELDS)


def test_documented_events_are_exactly_those_that_our_code_writes():
    written = set(logs.KNOWN.values()) | {"library.record", "record_withheld", "unprintable"}
    for path in (ROOT / "service").rglob("*.py"):
        written |= set(re.findall(r"\blog\.\w+\(\s*\"([a-z_.]+)\"", path.read_text(encoding="utf-8")))
        written |= set(re.findall(r"get_logger\(\)\.\w+\(\s*\"([a-z_.]+)\"", path.read_text(encoding="utf-8")))
    assert set(names(EVENTS)) == written


def declared():
    """Every metric that a process of ours shows, by its name on the page, with its labels."""
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            name = metric._name + ("_total" if metric._type == "counter" else "")
            found[name] = set(metric._labelnames)
    for kind in gauges.KINDS.values():
        found |= {name: {kind.label} - {""} for name in (kind.count, kind.seconds) if name}
    return found | {name: set() for name, _ in (gauges.DIFFERENCES, gauges.KEY_DAYS, gauges.READABLE, gauges.LOG_LAG)}


def documented():
    """Every metric of the tables, with the labels of its second column."""
    found = {}
    for first, second in re.findall(r"^\| ((?:`panless_\w+`(?:, )?)+) \|([^|]*)\|", METRICS, re.MULTILINE):
        for name in re.findall(r"`(panless_\w+)`", first):
            assert name not in found, name
            found[name] = set(re.findall(r"`(\w+)`", second))
    return found


def test_documented_metrics_are_exactly_those_that_are_shown():
    assert documented() == declared()


def test_documented_metrics_cover_what_is_declared_of_the_state():
    assert {"panless_signups_waiting", "panless_round_age_seconds", "panless_sweeps_total"} <= set(declared())


RULES = yaml.safe_load(ALARMS)["groups"][0]["rules"]
#: A metric, perhaps with conditions on its labels.
SERIES = re.compile(r"(panless_\w+)(?:\{([^}]*)\})?")
CONDITION = re.compile(r"(\w+)(=|!=|=~|!~)\"([^\"]*)\"")
#: What else a rule consists of: functions, comparisons, numbers, spans.
REST = re.compile(r"(?:max|min|sum|increase|absent|or|[\s()]|[<>]=?|==|[0-9]+|\[[0-9]+[smhd]\])*")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alarm_speaks_of_metrics_and_labels_that_there_are(rule):
    known, expression = declared(), str(rule["expr"])
    found = SERIES.findall(expression)
    assert found
    for name, conditions in found:
        labels = {label for label, _, _ in CONDITION.findall(conditions)}
        assert labels <= known[name], (name, labels)
        assert re.sub(r",\s*", "", CONDITION.sub("", conditions)) == ""
    assert REST.fullmatch(SERIES.sub("", expression)), SERIES.sub("", expression)
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alarm_says_how_bad_it_is_and_what_to_do(rule):
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert len(rule["annotations"]["summary"].split()) > 4
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"[0-9]+m", rule.get("for", "1m"))


def test_alarms_name_each_gauge_that_ages():
    ages = {kind.seconds for kind in gauges.KINDS.values() if kind.seconds}
    assert ages <= {name for rule in RULES for name, _ in SERIES.findall(rule["expr"])}
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_label_values_of_alarms_are_those_that_are_shown():
    values = {kind.count or kind.seconds: set(kind.values) for kind in gauges.KINDS.values()} | {
        "panless_round_age_seconds": {*jobs.ROUNDS, canary.NAME, log_review.NAME, "prune_logs"},
        "panless_tasks_open": {"second_subscription", canary.KIND},
    }
    for rule in RULES:
        for name, conditions in SERIES.findall(rule["expr"]):
            shown = values.get(name.replace("_oldest_seconds", "_waiting")) or values.get(
                name.replace("_oldest_seconds", "_open")
            )
            for _, _, wanted in CONDITION.findall(conditions) if shown else ():
                assert set(wanted.split("|")) <= shown, (name, wanted)
