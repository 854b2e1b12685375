"""Every metric, declared once. Labels come from closed lists; never a path, a name or a value that somebody sent."""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from service.telemetry import metrics_folder

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65)

REQUESTS = Counter("panless_requests", "Requests answered", ["door", "method", "status"])
REQUEST_SECONDS = Histogram("panless_request_seconds", "Time to answer a request", ["door"], buckets=SECONDS)
BLUESNAP_CALLS = Counter("panless_bluesnap_calls", "Calls to BlueSnap by how they ended", ["call", "outcome"])
BLUESNAP_SECONDS = Histogram("panless_bluesnap_seconds", "Time of a call to BlueSnap", ["call"], buckets=SECONDS)
BLUESNAP_CREDENTIALS_REFUSED = Counter(
    "panless_bluesnap_credentials_refused",
    "Calls that BlueSnap refused for their credentials, by which pair it was",
    ["pair"],
)
SESSIONS = Counter("panless_sessions", "Checkout sessions by what happened to them", ["event"])
SIGNUP_MOVES = Counter("panless_signup_moves", "Moves of signups", ["state"])
SIGNUP_MISMATCHES = Counter(
    "panless_signup_mismatches", "Subscriptions that are not what was asked for: a person must look", ["what"]
)
SECOND_SUBSCRIPTIONS = Counter(
    "panless_second_subscriptions",
    "Live subscriptions beside the one that an account has, or beside each other, by what found them: alarm",
    ["found_by"],
)
SUBSCRIPTION_MOVES = Counter("panless_subscription_moves", "Moves of subscriptions that a look found", ["event"])
LOOKS_ODD = Counter(
    "panless_looks_odd", "Subscriptions in a state at BlueSnap that we do not understand: a person must look"
)
NOTICES = Counter("panless_notices", "Notices by type and outcome", ["type", "outcome"])
NOTICES_DOUBTED = Counter(
    "panless_notices_doubted", "Authentic notices that were believed to be hints at most, by the reason", ["reason"]
)
NOTICES_SET_ASIDE = Counter(
    "panless_notices_set_aside", "Notices that could not be applied after five tries: a person must look"
)
NOTICES_REFUSED = Counter("panless_notices_refused", "Notices that were not authentic")
CHARGE_MISMATCHES = Counter("panless_charge_mismatches", "Charges that differ from what was agreed: a person must look")
GLASS_BROKEN = Counter("panless_glass_broken", "Grants that began without a second person: alarm")
TASKS = Counter("panless_tasks", "Matters put before a person", ["kind"])
CHANGES = Counter("panless_changes", "Ordered changes of subscriptions by how they ended", ["kind", "outcome"])
REFUNDS = Counter("panless_refunds", "Refunds by how they ended", ["outcome"])
SWEEP_DIFFERENCES = Counter(
    "panless_sweep_differences", "Differences that sweeps found, by the rule that repairs them", ["rule"]
)
PAID_THERE_INACTIVE_HERE = Counter(
    "panless_paid_there_inactive_here", "Subscriptions that BlueSnap charges and that give no access here: alarm"
)
ACTIVE_HERE_UNPAID_THERE = Counter(
    "panless_active_here_unpaid_there", "Subscriptions that give access here and that BlueSnap charges no more: alarm"
)
ISSUER_ASKED = Counter(
    "panless_issuer_asked", "Questions for the keys of people's issuer, by how they ended", ["outcome"]
)
ROWS_FAILED = Counter(
    "panless_rows_failed",
    "Rows that a round of the worker could not handle, because of a bug or of the database",
    ["round"],
)
SWEEPS = Counter("panless_sweeps", "Sweeps by how they ended", ["outcome"])
EVENTS = Counter("panless_events", "Attempts to tell the platform of an event", ["outcome"])
CARD_DATA_REFUSED = Counter(
    "panless_card_data_refused", "Requests that held card data, by where it was and what showed it", ["place", "rule"]
)
CANARIES = Counter(
    "panless_canaries", "Test card numbers that the worker sent to its own deployment", ["door", "outcome"]
)
CANARIES_FOUND = Counter("panless_canaries_found", "Places in which one of them was found afterwards: alarm", ["place"])
CHECKPOINTS = Counter(
    "panless_checkpoints",
    "Checkpoints of the journal: signed, copied, refused by the archive's last, or unsound: alarm",
    ["outcome"],
)
PAGE_REPORTS = Counter(
    "panless_page_reports",
    "What browsers stopped on the payment page, by the policy's directive",
    ["directive", "blocked"],
)
TURNED_AWAY = Counter(
    "panless_turned_away",
    "Requests that were not let through to BlueSnap: no slot free, too late, client gone",
    ["reason"],
)
CONNECTIONS_PUT_OFF = Counter(
    "panless_connections_put_off", "Connections that were not taken at once for want of open files or memory"
)
LIMITS_HIT = Counter("panless_limits_hit", "Card attempts and sessions refused by a limit", ["limit"])
CLOCK_SKEW = Gauge(
    "panless_clock_skew_seconds",
    "How far this machine's clock and the database's are apart for certain",
    multiprocess_mode="livemostrecent",
)
ADVISORIES_AGE = Gauge(
    "panless_advisories_age_days",
    "Of the list of known flaws that this code came with",
    multiprocess_mode="livemostrecent",
)
ADVISORIES_OPEN = Gauge(
    "panless_advisories_open", "Known flaws in what this process is made of", multiprocess_mode="livemostrecent"
)
LOG_RECORDS_LOST = Counter("panless_log_records_lost", "Log records that could not be written at all")
LOG_FILE_RECORDS_LOST = Counter(
    "panless_log_file_records_lost", "Log records that could not be written to the files that are archived"
)
LOG_RECORDS_WITHHELD = Counter("panless_log_records_withheld", "Log records that could not be written as they were")


def page() -> bytes:
    """All metrics in the Prometheus text format; over all workers where they share a folder (PROMETHEUS_MULTIPROC_DIR)."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    with metrics_folder.being_read():
        return generate_latest(registry)
