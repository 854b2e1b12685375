"""The doctor's judgement, check by check: what is wrong is told by its word, what is right is not, and what could not be asked is never called fine."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.billing.clocks import Offset
from service.billing.plans import PlanProblem
from service.billing.repair import doctor_checks as checks
from service.billing.repair.doctor_checks import NEEDED, ON_DEMAND, Silent
from service.bluesnap.payloads import Destination, NotificationConfig
from service.store.diagnosis import Waiting

PUBLIC = "https://billing.example.test"
HERE = f"{PUBLIC}/webhooks/bluesnap"
WINDOW = timedelta(seconds=300)
QUIET = Waiting(
    notices_waiting=0, notices_failed=0, payments_doubted=0, payments_told=0, tasks={}, signups_stuck=0, looks_overdue=0,
    signups_overdue=0, events_failed=0,
)  # fmt: skip


def words(findings):
    return [(one.severity.value, one.word, one.subject) for one in findings]


def config(*urls, types=NEEDED, receipts=False):
    return NotificationConfig([Destination(url, None if types is None else list(types)) for url in urls], receipts)


def told_of(found, public_url=PUBLIC, environment="production"):
    return words(checks.destinations(found, public_url, environment))


@pytest.mark.parametrize(
    ("url", "public_url"),
    [
        (HERE, PUBLIC),
        ("https://BILLING.example.test:443/webhooks/bluesnap", PUBLIC),
        ("https://billing.example.test/webhooks/bluesnap", "https://billing.example.test:443"),
    ],
)
def test_one_right_address_with_all_types_is_fine(url, public_url):
    assert told_of(config(url), public_url) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://billing.example.test/webhooks/bluesnap/",
        "https://billing.example.test/webhooks",
        "https://billing.example.test:8443/webhooks/bluesnap",
        "https://other.example.test/webhooks/bluesnap",
        "https://billing.example.test:x/webhooks/bluesnap",
    ],
)
def test_address_that_is_not_ours_is_wrong(url):
    assert told_of(config(url)) == [("error", "address.wrong", None)]


def test_plain_http_is_wrong_even_where_it_is_not_our_address():
    assert told_of(config("http://billing.example.test/webhooks/bluesnap")) == [
        ("error", "address.wrong", None),
        ("error", "address.plain_http", None),
    ]
    assert told_of(config(HERE, "http://other.example.test/")) == [
        ("error", "address.plain_http", None),
        ("warning", "address.several", None),
    ]


def test_own_address_that_is_not_set_leaves_only_the_path_to_compare():
    unknown = ("unchecked", "address.own_unknown", None)
    assert told_of(config("https://any.example.test/webhooks/bluesnap"), None) == [unknown]
    assert told_of(config("https://any.example.test/"), None) == [unknown, ("error", "address.wrong", None)]


def test_simulator_may_send_in_plain_to_an_address_that_is_not_set():
    assert told_of(config("http://127.0.0.1:8080/webhooks/bluesnap"), None, "simulator") == []


def test_bluesnap_that_sends_nowhere_is_wrong():
    assert told_of(config()) == [("error", "address.none", None)]


def test_settings_that_bluesnap_did_not_show_are_not_called_fine():
    (finding,) = checks.destinations(Silent("not_found"), PUBLIC, "production")
    assert (finding.severity.value, finding.word) == ("unchecked", "address.unread")
    assert "not_found" in finding.text


@pytest.mark.parametrize("kind", NEEDED)
def test_needed_type_that_is_switched_off_is_told_with_where_to_switch_it_on(kind):
    (finding,) = checks.destinations(config(HERE, types=set(NEEDED) - {kind}), PUBLIC, "production")
    assert (finding.word, finding.subject) == ("notices.switched_off", kind)
    assert "Settings > Webhook Settings" in finding.to_do
    assert ("support" in finding.to_do) is (kind in ON_DEMAND)


def test_types_of_another_address_do_not_count():
    settings = NotificationConfig([Destination(HERE, ["CHARGE"]), Destination("https://a.test/", list(NEEDED))], None)
    off = {subject for _, word, subject in told_of(settings) if word == "notices.switched_off"}
    assert off == set(NEEDED) - {"CHARGE"}


def test_address_that_shows_no_types_says_nothing_about_them():
    assert told_of(config(HERE, types=None)) == []


def test_acknowledgement_that_we_do_not_give_is_wrong():
    assert told_of(config(HERE, receipts=True)) == [("error", "receipts.expected", None)]


def test_type_that_never_came_though_it_should_have_is_an_error():
    findings = list(
        checks.never_arrived({"RECURRING": 3, "CHARGE": 0, "SUBSCRIPTION_CHARGE_FAILURE": 1}, {"CHARGE": 9})
    )
    assert words(findings) == [
        ("error", "notices.never_arrived", "RECURRING"),
        ("error", "notices.never_arrived", "SUBSCRIPTION_CHARGE_FAILURE"),
    ]
    assert ["support" in one.to_do for one in findings] == [False, True]
    assert all("Settings > IPN Settings" in one.to_do for one in findings)


def test_type_that_comes_and_was_lost_at_times_is_a_warning():
    assert words(checks.never_arrived({"RECURRING": 1}, {"RECURRING": 40})) == [
        ("warning", "notices.lost", "RECURRING")
    ]


@pytest.mark.parametrize(
    ("keys", "environment", "found"),
    [
        (("a-key-of-sixteen-or-more",), "production", []),
        ((), "sandbox", ["signing_key.none"]),
        ((checks.SIMULATOR_KEY,), "simulator", []),
        (("a-key-of-sixteen-or-more", checks.SIMULATOR_KEY), "sandbox", ["signing_key.published"]),
    ],
)
def test_signing_keys_are_there_and_nobody_elses(keys, environment, found):
    findings = list(checks.signing_keys(keys, environment))
    assert [one.word for one in findings] == found
    assert not any(key in f"{one.text}{one.to_do}" for one in findings for key in keys)


def apart(seconds, uncertain=0.5):
    return Offset(timedelta(seconds=seconds), timedelta(seconds=uncertain))


@pytest.mark.parametrize(
    ("bluesnap", "database", "found"),
    [
        (apart(0), apart(0, 0.001), []),
        (apart(5.5), apart(-5, 0), []),
        (apart(6), apart(0), [("warning", "clock.bluesnap", None)]),
        (apart(-6), apart(0), [("warning", "clock.bluesnap", None)]),
        (apart(-200), apart(0), [("error", "clock.bluesnap", None)]),
        (apart(8, uncertain=4), apart(0), []),
        (apart(0), apart(9, 0), [("warning", "clock.database", None)]),
        (apart(0), apart(-3600), [("error", "clock.database", None)]),
        (Silent("read_timed_out"), apart(0), [("unchecked", "clock.bluesnap_unread", None)]),
    ],
)
def test_clocks_may_differ_by_no_more_than_is_certain_and_small(bluesnap, database, found):
    assert words(checks.clocks(bluesnap, database, WINDOW)) == found


def test_clock_that_is_behind_is_told_so():
    ahead, behind = (next(checks.clocks(apart(by), apart(0), WINDOW)).text for by in (60, -60))
    assert ("60 s ahead of" in ahead, "60 s behind" in behind) == (True, True)


@pytest.mark.parametrize(
    ("doubted", "told", "suspect"), [(0, 0, False), (2, 2, False), (3, 6, False), (3, 5, True), (90, 100, True)]
)
def test_notice_zone_is_suspect_when_most_payments_came_with_an_odd_time(doubted, told, suspect):
    waiting = replace(QUIET, payments_doubted=doubted, payments_told=told)
    assert [one.word for one in checks.notice_zone(waiting)] == ["notice_zone.suspect"] * suspect


def test_nothing_that_waits_is_fine():
    assert list(checks.backlog(QUIET)) == []


@pytest.mark.parametrize(
    ("field", "severity", "word"),
    [
        ("signups_stuck", "error", "signups.stuck"),
        ("notices_failed", "error", "notices.failed"),
        ("notices_waiting", "warning", "notices.waiting"),
        ("events_failed", "warning", "events.failed"),
        ("looks_overdue", "error", "worker.looks_overdue"),
        ("signups_overdue", "error", "worker.signups_overdue"),
    ],
)
def test_what_waits_is_counted(field, severity, word):
    (finding,) = checks.backlog(replace(QUIET, **{field: 7}))
    assert (finding.severity.value, finding.word) == (severity, word)
    assert finding.text.startswith("7 ")


def test_open_tasks_are_counted_by_kind():
    findings = checks.backlog(replace(QUIET, tasks={"overcharge": 1, "adoption_doubt": 2}))
    assert [(one.word, one.subject, one.text[0]) for one in findings] == [
        ("tasks.open", "adoption_doubt", "2"),
        ("tasks.open", "overcharge", "1"),
    ]


def test_plans_that_differ_are_wrong_and_those_unread_unchecked():
    problems = [PlanProblem("team", "has a trial"), PlanProblem("business", "could not be asked", asked=False)]
    assert words(checks.catalogue(problems, 2)) == [
        ("error", "plans.differ", "team"),
        ("unchecked", "plans.unread", "business"),
    ]


def test_catalogue_without_anything_for_sale_is_wrong():
    assert words(checks.catalogue([], 0)) == [("error", "plans.none", None)]


def sane(environment="production", public_url=PUBLIC, hosts=("billing.example.test",), proven=False):
    return words(checks.environment_sanity(environment, public_url, hosts, idempotency_proven=proven))


def test_proven_idempotency_in_production_is_noted():
    assert sane(proven=True) == [("note", "idempotency.claimed", None)]
    assert sane(proven=False) == sane("sandbox", proven=True) == []


def test_public_host_must_be_trusted():
    assert sane(hosts=("127.0.0.1",)) == [("error", "address.untrusted", None)]
    assert sane(public_url=None, hosts=()) == []


@pytest.mark.parametrize(
    ("folder", "archive", "word"),
    [(Path("logs"), None, "logs.not_archived"), (None, "archive", "logs.not_kept")],
)
def test_half_of_what_archives_the_log_is_told(folder, archive, word):
    (finding,) = checks.log_archive(folder, archive)
    assert (finding.severity.value, finding.word) == ("warning", word)
    missing = "PANLESS_ARCHIVE_URL" if archive is None else "PANLESS_LOG_FOLDER"
    assert f"{missing} is not" in finding.text
    assert missing in finding.to_do


@pytest.mark.parametrize("both", [(None, None), (Path("logs"), "archive")])
def test_log_that_is_archived_or_meant_not_to_be_is_fine(both):
    assert list(checks.log_archive(*both)) == []
