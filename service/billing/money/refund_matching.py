"""Which refund that BlueSnap shows is which of ours. Pure; it never guesses between two, and never takes somebody else's for one that we ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from service.bluesnap.payloads import RefundSeen
from service.store.models import Refund
from service.store.refunds import ACCEPTED

#: BlueSnap's days have no zone: one that is a day early may be the same day.
SLACK = timedelta(days=1)


@dataclass(frozen=True)
class Matching:
    """`pairs`: by our id, what is shown of it. `strangers`: refunds that are surely none of ours. `doubtful`: ours that only a person can tell.

    What might be ours and is not certain is in none of them.
    """

    pairs: dict[str, RefundSeen]
    strangers: list[RefundSeen]
    doubtful: frozenset[str]


def match(ours: Sequence[Refund], seen: Sequence[RefundSeen], zone: ZoneInfo) -> Matching:
    """Match by BlueSnap's number, then by our reference, then by amount where nothing else is shown.

    By amount a refund of which we do not know whether it happened is matched only if exactly one could be it, and if BlueSnap shows no
    reference at all with this payment: where it repeats references, one without is not ours.
    """
    left, pairs = list(seen), dict[str, RefundSeen]()
    for agree in (_by_number, _by_reference, _by_amount):
        for row in ours:
            shown = next((one for one in left if row.id not in pairs and agree(row, one)), None)
            if shown is not None:
                left.remove(shown)
                pairs[row.id] = shown
    if any(one.reference for one in seen):
        return Matching(pairs, left, frozenset())
    return _by_elimination([row for row in ours if row.id not in pairs], left, pairs, zone=zone)


def _by_elimination(
    rest: Sequence[Refund], left: Sequence[RefundSeen], pairs: dict[str, RefundSeen], *, zone: ZoneInfo
) -> Matching:
    undecided = [row for row in rest if row.status in {"requested", "unknown"}]
    certain, doubtful, kept = dict(pairs), set[str](), list[RefundSeen]()
    for row in undecided:
        alike = [one for one in left if _could_be(row, one, zone)]
        rivals = [
            other for other in undecided if other is not row and any(_could_be(other, one, zone) for one in alike)
        ]
        kept += alike
        if not alike or "requested" in {one.status for one in (row, *rivals)}:
            continue  # a call that is under way will tell by itself
        if len(alike) == 1 and not rivals:
            certain[row.id] = alike[0]
        else:
            doubtful.add(row.id)
    return Matching(certain, [one for one in left if one not in kept], frozenset(doubtful))


def _by_number(row: Refund, one: RefundSeen) -> bool:
    return one.refund_id is not None and row.provider_refund == one.refund_id


def _by_reference(row: Refund, one: RefundSeen) -> bool:
    return row.id == one.reference and None in {row.provider_refund, one.refund_id}


def _by_amount(row: Refund, one: RefundSeen) -> bool:
    """One that BlueSnap took, without a number on either side."""
    return (
        row.status in ACCEPTED
        and (one.reference is None or row.source == "bluesnap")
        and row.amount == one.amount
        and None in {row.provider_refund, one.refund_id}
    )


def _could_be(row: Refund, one: RefundSeen, zone: ZoneInfo) -> bool:
    earliest = row.created_at.astimezone(zone).date() - SLACK
    return row.amount == one.amount and (one.refund_date is None or one.refund_date >= earliest)
