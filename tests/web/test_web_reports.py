"""Browsers' reports of the payment page: counted by words of closed lists, and otherwise as if they had never come."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from prometheus_client import REGISTRY, generate_latest

from service.page.violations import DIRECTIVES, Blocked
from service.web.reports import MAX_BYTES, MOST_REPORTS, PATH
from tests.support.cards import VISA, traces
from tests.support.tools import PRODUCTION, SHOP_ORIGIN
from tests.support.web import Web, problem, told

CANARY = "zqxcanary"
OLD, NEW = "application/csp-report", "application/reports+json"


def old(directive="script-src-elem", blocked="https://evil.example/x.js", **more):
    """A report as `report-uri` gets it (CSP Level 2)."""
    report = {"effective-directive": directive, "blocked-uri": blocked, "document-uri": f"https://{CANARY}.example/"}
    return json.dumps({"csp-report": report | {"script-sample": CANARY, "referrer": CANARY} | more})


def new(*pairs, **more):
    """Reports as `report-to` gets them (Reporting API)."""
    return json.dumps(
        [
            {
                "type": "csp-violation",
                "age": 1,
                "url": f"https://{CANARY}.example/",
                "user_agent": CANARY,
                "body": {"effectiveDirective": directive, "blockedURL": blocked, "sample": CANARY},
            }
            | more
            for directive, blocked in pairs
        ]
    )


def send(web, body, media_type=OLD, **headers):
    return web.call("POST", PATH, headers={"Content-Type": media_type, **headers}, data=body)


def counts():
    """Every number of the metric, by its labels."""
    return {
        (sample.labels["directive"], sample.labels["blocked"]): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "panless_page_reports_total"
    }


@pytest.fixture
def risen():
    """By how much each number has risen since; those that have not are left out."""
    before = counts()
    return lambda: {
        labels: now - before.get(labels, 0) for labels, now in counts().items() if now != before.get(labels, 0)
    }


@pytest.mark.parametrize(
    ("blocked", "kind"),
    [
        ("inline", "inline"),
        ("eval", "eval"),
        ("wasm-eval", "eval"),
        ("data", "data"),
        ("data:text/javascript,x", "data"),
        ("blob", "data"),
        ("self", "page"),
        (f"{SHOP_ORIGIN}/static/own.js", "page"),
        ("http://localhost:8091/web-sdk/5/bluesnap.js", "inventory"),
        ("http://localhost:8091", "inventory"),
        ("http://localhost:8092/x.js", "other"),
        ("https://evil.example/x.js", "other"),
        ("https://evil.example/http://localhost:8091/", "other"),
        ("http://localhost:8091@evil.example/", "other"),
        ("https://[", "other"),
        ("", "other"),
        (CANARY, "other"),
        ("http://localhost:8091/" + "x" * 3000, "other"),
        (None, "other"),
        (7, "other"),
        ({"a": 1}, "other"),
    ],
)
def test_what_was_stopped_becomes_one_of_six_words(web, risen, blocked, kind):
    assert send(web, old(blocked=blocked)).status_code == 204
    assert send(web, new(("script-src-elem", blocked)), NEW).status_code == 204
    assert risen() == {("script-src-elem", kind): 2}


@pytest.mark.parametrize(
    ("directive", "label"),
    [
        ("script-src", "script-src"),
        ("SCRIPT-SRC", "script-src"),
        ("script-src 'self' https://pay.bluesnap.com", "script-src"),
        ("frame-ancestors", "frame-ancestors"),
        (CANARY, "other"),
        (VISA, "other"),
        ("", "other"),
        (None, "other"),
        (["script-src"], "other"),
    ],
)
def test_directive_becomes_a_word_of_the_closed_list(web, risen, directive, label):
    send(web, old(directive))
    assert risen() == {(label, "other"): 1}


def test_directive_of_an_old_browser_is_found_by_its_other_name(web, risen):
    body = {"csp-report": {"violated-directive": "img-src 'self'", "blocked-uri": "https://evil.example"}}
    send(web, json.dumps(body))
    assert risen() == {("img-src", "other"): 1}


def test_hosts_of_three_d_secure_count_as_inventory(make_tools, bluesnap, risen):
    web = Web(make_tools(**PRODUCTION | {"trusted_hosts": "localhost,billing.example"}), bluesnap)
    hosts = ("https://pay.bluesnap.com/x", "https://songbird.cardinalcommerce.com/y", "https://anything.example")
    for host in hosts:
        send(web, old("frame-src", host))
    assert risen() == {("frame-src", "inventory"): 2, ("frame-src", "other"): 1}


SILENT = {
    "nothing": (b"", OLD),
    "no JSON": (b"{", OLD),
    "bytes": (b"\xff\xfe\x00", OLD),
    "deep": (b"[" * 30_000, NEW),
    "a long number": (b'{"csp-report": ' + b"9" * 20_000 + b"}", OLD),
    "a number": (b"7", NEW),
    "text": (b'"csp-report"', OLD),
    "no report": (b"{}", OLD),
    "a report that is a list": (b'{"csp-report": []}', OLD),
    "a list of lists": (b"[[], 1, null, {}]", NEW),
    "a body that is none": (b'[{"type": "csp-violation", "body": "x"}]', NEW),
    "another kind of report": (new(("x", "y"), type="deprecation").encode(), NEW),
    "another media type": (old().encode(), "text/plain"),
    "a form": (old().encode(), "application/x-www-form-urlencoded"),
    "no media type": (old().encode(), ""),
}


@pytest.mark.parametrize("what", SILENT)
def test_what_is_no_report_is_answered_alike_and_counts_nothing(web, risen, what):
    body, media_type = SILENT[what]
    answer = send(web, body, media_type)
    assert (answer.status_code, answer.data) == (204, b"")
    assert risen() == {}


@pytest.mark.parametrize("media_type", [OLD, NEW, "application/json", "application/csp-report; charset=utf-8"])
def test_both_forms_are_read_under_each_name_that_browsers_use(web, risen, media_type):
    send(web, old(), media_type)
    send(web, new(("img-src", "inline")), media_type)
    assert risen() == {("script-src-elem", "other"): 1, ("img-src", "inline"): 1}


def test_only_the_first_reports_of_a_body_count(web, risen):
    send(web, new(*[("img-src", "inline")] * (MOST_REPORTS + 30)), NEW)
    assert risen() == {("img-src", "inline"): MOST_REPORTS}


def test_body_above_the_limit_is_refused_unread(web, risen):
    body = old(padding="x" * MAX_BYTES)
    problem(send(web, body), 413, "body_too_large")
    assert risen() == {}
    fitting = old().ljust(MAX_BYTES)
    assert send(web, fitting).status_code == 204


def test_card_data_in_a_report_is_dropped_and_not_refused(web, risen, logged):
    """A script's sample may hold whatever the payer typed; the report must still count, since it is the alarm."""
    sample = f"var n='{VISA}'"
    bodies = [(old(blocked=f"https://evil.example/{VISA}", **{"script-sample": sample}), OLD), (new((VISA, VISA)), NEW)]
    answers = [send(web, body, media_type) for body, media_type in bodies]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert risen() == {("script-src-elem", "other"): 1, ("other", "other"): 1}
    seen = logged() + "".join(told(answer) for answer in answers) + generate_latest().decode()
    assert traces(seen, VISA) == []


def test_nothing_of_a_report_is_in_logs_metrics_or_answers(web, logged):
    answers = [
        send(web, old()),
        send(web, new(("img-src", CANARY)), NEW),
        send(web, CANARY),
        send(web, old(), "text/x"),
    ]
    assert CANARY not in logged() + "".join(told(answer) for answer in answers) + generate_latest().decode()


def test_report_leaves_one_line_and_no_row(web, logged):
    before, lines = web.rows(), logged().count("\n")
    send(web, old())
    (line,) = logged().splitlines()[lines:]
    shown = json.loads(line)
    assert (shown["event"], shown["door"], shown["route"], shown["status"]) == (
        "request.answered",
        "reports",
        PATH,
        204,
    )
    assert "actor" not in shown
    assert web.rows() == before


def test_page_of_an_allowed_origin_may_ask_first(web):
    """The Reporting API makes a preflight for its media type; `report-uri` makes none."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = web.call("OPTIONS", PATH, headers={"Origin": SHOP_ORIGIN, **asked})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, SHOP_ORIGIN)
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    foreign = web.call("OPTIONS", PATH, headers={"Origin": "https://evil.example", **asked})
    assert "Access-Control-Allow-Origin" not in foreign.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_reports_can_only_be_sent(web, method):
    problem(web.call(method, PATH), 405, "method_not_allowed")


def test_labels_are_the_closed_lists_and_no_more(web):
    for directive, blocked in itertools.product(("script-src", CANARY), ("inline", CANARY)):
        send(web, old(directive, blocked))
    assert {directive for directive, _ in counts()} <= DIRECTIVES | {"other"}
    assert {blocked for _, blocked in counts()} <= {kind.value for kind in Blocked}


@pytest.mark.parametrize(
    "piece", [b'[{"type":"csp-violation","body":{}},', b'{"csp-report":{"a":', b'"\\u0041', b"[", b"1,"]
)
def test_hostile_body_of_any_form_costs_little_time(web, piece):
    body = (piece * (MAX_BYTES // len(piece) + 1))[:MAX_BYTES]
    start = time.process_time()
    for _ in range(20):
        send(web, body, NEW)
    assert time.process_time() - start < 4
