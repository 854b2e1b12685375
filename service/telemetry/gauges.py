"""What waits, as gauges that are read when somebody asks for them. They must never fail a reading of the metrics, nor ask more often than every few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Protocol

import structlog
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.cardguard import formats

log = structlog.get_logger()
#: Readings in between are answered with the last one.
SECONDS = 5.0
SIGNUP_STATES = (
    "shopper_requested",
    "shopper_unknown",
    "shopper_vaulted",
    "subscription_requested",
    "subscription_unknown",
    "card_requested",
    "stuck",
)


class Reading(Protocol):
    """How much of one kind waits, and the seconds of what waits the longest."""

    @property
    def what(self) -> str:
        """The name of the kind, as in KINDS."""

    @property
    def label(self) -> str:
        """The value of its label; empty for a kind without one."""

    @property
    def number(self) -> int:
        """How many."""

    @property
    def seconds(self) -> float:
        """For how long the first of them waits."""


class Kind:
    """A gauge for how many there are, one for the longest waiting, and the values of their label that are always shown."""

    def __init__(self, count: str, seconds: str, meaning: str, *, label: str = "", values: Sequence[str] = ()) -> None:
        self.count, self.seconds, self.meaning, self.label = count, seconds, meaning, label
        self.values = values or (() if label else ("",))

    def families(self, readings: Iterable[Reading]) -> Iterator[GaugeMetricFamily]:
        """Both gauges, 0 for what nothing was read of."""
        known = {one.label: one for one in readings}
        names = [self.label] if self.label else []
        for name, of in ((self.count, "number"), (self.seconds, "seconds")):
            if name:
                family = GaugeMetricFamily(name, self.meaning, labels=names)
                for value in dict.fromkeys([*self.values, *known]):
                    family.add_metric([value] if self.label else [], getattr(known.get(value), of, 0))
                yield family


#: By what the store calls them.
KINDS: dict[str, Kind] = {
    "signups": Kind(
        "panless_signups_waiting", "panless_signups_oldest_seconds", "Signups that are not decided", label="state", values=SIGNUP_STATES
    ),
    "refunds": Kind(
        "panless_refunds_waiting", "panless_refunds_oldest_seconds", "Refunds whose end is not known", label="state",
        values=("requested", "unknown", "pending", "stuck"),
    ),
    "changes": Kind("panless_changes_waiting", "panless_changes_overdue_seconds", "Ordered changes whose end is not known"),
    "looks": Kind("panless_looks_due", "panless_looks_overdue_seconds", "Subscriptions that BlueSnap is to be asked about by now"),
    "notices": Kind(
        "panless_notices_open", "panless_notices_oldest_seconds", "Notices that have had no effect yet", label="outcome",
        values=("waiting", "hint", "failed"),
    ),
    "events": Kind(
        "panless_events_open", "panless_events_oldest_seconds", "Events that the platform has not taken", label="state",
        values=("pending", "failed"),
    ),
    "feed": Kind("panless_feed_behind_entries", "panless_feed_behind_seconds", "Entries that no event was made of yet"),
    "unsigned": Kind("panless_checkpoint_behind_entries", "panless_checkpoint_behind_seconds", "Entries that no checkpoint covers yet"),
    "uncopied": Kind("panless_checkpoints_uncopied", "panless_checkpoints_uncopied_seconds", "Checkpoints that the archive does not have yet"),
    "unproven": Kind("", "panless_journal_unproven_seconds", "Age of the first entry that no checkpoint in the archive covers yet"),
    "tasks": Kind("panless_tasks_open", "panless_tasks_oldest_seconds", "Matters that wait for a person", label="kind"),
    "grants_live": Kind("panless_grants_live", "", "Grants of support that are live", label="kind", values=("approved", "break_glass")),
    "grants_review": Kind(
        "panless_grants_review_overdue", "panless_grants_review_overdue_seconds", "Grants that should have been reviewed by now"
    ),
    "jobs": Kind("panless_jobs_due", "panless_jobs_overdue_seconds", "Rounds of the worker that nobody has begun"),
    "reviews": Kind("", "panless_reviews_overdue_seconds", "Since a review by people was due", label="review", values=formats.REVIEWS),
    "hand": Kind("panless_changes_by_hand", "", "Changes of business records that somebody made in the database itself within a day"),
    "rounds": Kind("", "panless_round_age_seconds", "Since a round of the worker ended well", label="round"),
}  # fmt: skip
DIFFERENCES = ("panless_sweep_last_differences", "Differences that the last sweep found")
KEY_DAYS = ("panless_key_days_left", "Days until the first API key ends that is good now; absent where there is none")
READABLE = ("panless_state_readable", "Whether the gauges of what waits could be read (1), or are left out (0)")
LOG_LAG = ("panless_log_archive_lag_seconds", "For how long the oldest log line waits to be archived")


class State(Collector):
    """The collector. `read` asks the database; whatever it raises, the reading of all other metrics goes on."""

    def __init__(self, read: Callable[[], Sequence[Reading]]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._last: Sequence[Reading] | None = None
        self._until = 0.0

    def describe(self) -> list[GaugeMetricFamily]:
        """Their names, without asking for their values."""
        kinds = [GaugeMetricFamily(name, "") for kind in KINDS.values() for name in (kind.count, kind.seconds) if name]
        return [*kinds, *(GaugeMetricFamily(name, "") for name, _ in (DIFFERENCES, KEY_DAYS, READABLE))]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All of them, or only that they cannot be read: an old value would look like a good one."""
        readings = self._present()
        yield GaugeMetricFamily(*READABLE, value=readings is not None)
        if readings is None:
            return
        for what, kind in KINDS.items():
            yield from kind.families(one for one in readings if one.what == what)
        swept = [one.number for one in readings if (one.what, one.label) == ("rounds", "sweep")]
        yield GaugeMetricFamily(*DIFFERENCES, value=sum(swept))
        for key in (one for one in readings if one.what == "keys" and one.number):
            yield GaugeMetricFamily(*KEY_DAYS, value=key.seconds / 86_400)

    def _present(self) -> Sequence[Reading] | None:
        with self._lock:
            if monotonic() >= self._until:
                self._last = self._asked()
                self._until = monotonic() + SECONDS
            return self._last

    def _asked(self) -> Sequence[Reading] | None:
        try:
            return self._read()
        except Exception as error:  # noqa: BLE001 - an observer: nothing depends on it but what is shown
            log.warning("metrics.state_unread", error=type(error).__name__)
            return None


def serve(read: Callable[[], Sequence[Reading]]) -> None:
    """Show them among the metrics of this process from now on."""
    REGISTRY.register(State(read))


class One(Collector):
    """A gauge that is computed when it is read; left out where that fails, since an old value would look like a good one."""

    def __init__(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        self._name, self._meaning, self._read = name, meaning, read

    def describe(self) -> list[GaugeMetricFamily]:
        """Its name."""
        return [GaugeMetricFamily(self._name, self._meaning)]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Its value now."""
        try:
            value = self._read()
        except OSError as error:
            log.warning("metrics.state_unread", error=type(error).__name__)
            return
        yield GaugeMetricFamily(self._name, self._meaning, value=value)


def serve_lag(read: Callable[[], float]) -> None:
    """For how long log lines wait to be archived, among the metrics of this process from now on."""
    REGISTRY.register(One(*LOG_LAG, read))
