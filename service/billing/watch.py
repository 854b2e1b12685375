"""What goes wrong while nobody does anything: clocks drift apart, and the list of known flaws grows old. It measures; whoever watches the metrics acts."""

from __future__ import annotations

from service.billing import clocks
from service.billing.tools import Tools
from service.supply import advisories
from service.telemetry import metrics


def watch(tools: Tools) -> None:
    """One round of the worker."""
    clocks.compare(tools)
    known = advisories.read()
    metrics.ADVISORIES_AGE.set(known.age(tools.machine_clock().date()))
    metrics.ADVISORIES_OPEN.set(len(known.open(advisories.installed)))
