"""Signed messages for the intake of ours, its floors and dj-stripe: each one new, each of a known subscription."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from bench import corpus, load

_NOTICE = corpus.notice("1REF1", "1SUB1")


class Notices:
    """A source of payments' notices: `key` signs them, and they speak in turn of the subscriptions 1 to `subscriptions`."""

    def __init__(self, key: str, subscriptions: int, first: int = 1_000_000) -> None:
        self._key, self._subscriptions = key.encode(), subscriptions
        self._numbers = itertools.count(first)

    def make(self, number: int) -> list[bytes]:
        """So many, signed now."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.000")
        return [self._one(next(self._numbers), stamp) for _ in range(number)]

    def _one(self, number: int, stamp: str) -> bytes:
        subscription = str(number % self._subscriptions + 1)
        body = _NOTICE.replace("1REF1", str(number)).replace("1SUB1", subscription).encode()
        signature = hmac.digest(self._key, stamp.encode() + body, hashlib.sha256).hex()
        return load.request(
            "POST", "/webhooks/bluesnap", body,
            Content_Type="application/x-www-form-urlencoded", bls_ipn_timestamp=stamp, bls_signature=signature,
        )  # fmt: skip


class Events:
    """A source of Stripe's events of about the same size, of a type for which dj-stripe has no handler and so calls nobody."""

    def __init__(self, key: str, endpoint: str) -> None:
        self._key, self._path = key.encode(), f"/webhook/{endpoint}/"
        self._numbers = itertools.count(1)
        self._object = {"object": "balance", "pending": [], "available": [], "metadata": corpus.notice_fields()}

    def make(self, number: int) -> Sequence[bytes]:
        """So many, signed now."""
        now = int(time.time())
        return [self._one(next(self._numbers), now) for _ in range(number)]

    def _one(self, number: int, now: int) -> bytes:
        event = {
            "id": f"evt_{now}_{number}", "object": "event", "api_version": "2024-06-20", "created": now, "data": {"object": self._object},
            "livemode": False, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": "balance.available",
        }  # fmt: skip
        body = json.dumps(event).encode()
        signature = hmac.digest(self._key, f"{now}.".encode() + body, hashlib.sha256).hex()
        return load.request(
            "POST", self._path, body, Content_Type="application/json", Stripe_Signature=f"t={now},v1={signature}"
        )
