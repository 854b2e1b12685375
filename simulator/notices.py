"""A message of BlueSnap to the merchant: its identity, its signature, its dates and amounts (bluesnap/webhooks.md section 2). What stands in it and sending it is not decided here."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from simulator.clock import rfc3339
from simulator.ground import Ground

Form = list[tuple[str, str]]


@dataclass
class Notice:
    """One message, however often it is sent. `state` is queued, held, dropped, delivered or failed."""

    ipn_id: str
    type: str
    reference: str
    body: str
    created_at: datetime
    state: str = "queued"
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """One line of GET /_levers/notices."""
        facts = {"id": self.ipn_id, "type": self.type, "reference": self.reference, "state": self.state}
        return facts | {"created_at": rfc3339(self.created_at), "body": self.body, "deliveries": list(self.deliveries)}


def sign(key: str, timestamp: str, body: bytes) -> str:
    """Lower-case hex HMAC-SHA256 over the timestamp's text and the raw body (bluesnap/webhooks.md section 2.1)."""
    return hmac.new(key.encode(), timestamp.encode() + body, hashlib.sha256).hexdigest()


def timestamp_of(moment: datetime) -> str:
    """`2025-03-04 05:06:07.089`, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def provider_date(moment: datetime, zone: ZoneInfo) -> str:
    """`08/16/2023 12:46 AM` on the wall clock of the zone, summer time included (bluesnap/variants.md section 6)."""
    return moment.astimezone(zone).strftime("%m/%d/%Y %I:%M %p")


def provider_amount(amount: Decimal) -> str:
    """`1,234.50`."""
    return f"{amount:,.2f}"


def from_form(ground: Ground, form: Sequence[tuple[str, str]]) -> Notice:
    """A notice of exactly these parameters, `+` for a space; its reference is the `referenceNumber` in it."""
    found = dict(form)
    ipn_id = found.get("ipnId") or str(uuid.UUID(int=ground.random.getrandbits(128), version=4))
    kind, reference = found.get("transactionType", ""), found.get("referenceNumber", "")
    return Notice(ipn_id, kind, reference, urlencode(form), ground.clock.now())
