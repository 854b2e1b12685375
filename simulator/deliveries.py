"""How notices leave: one background thread, in order, up to eleven attempts each. It must never call anything but loopback, nor hold a lock while it sends."""

from __future__ import annotations

import heapq
import http.client
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from simulator.clock import rfc3339
from simulator.ground import Ground
from simulator.notices import Notice, sign, timestamp_of
from simulator.settings import check_loopback_url

ATTEMPTS = 11  # bluesnap/webhooks.md section 1
ANSWER_WITHIN = 15.0
LIMIT = 20_000
MODES = ("send", "hold", "drop", "duplicate", "shuffle")


@dataclass(frozen=True)
class Forgery:
    """What is wrong with a resent notice on purpose; nothing, by default."""

    tamper: str = ""
    signed_with: str = ""
    shift_seconds: float = 0.0


@dataclass(order=True)
class _Series:
    """The attempts to deliver one notice once."""

    due: float
    turn: int
    notice: Notice = field(compare=False)
    forgery: Forgery = field(compare=False)
    attempts: int = field(default=0, compare=False)
    timestamp: str = field(default="", compare=False)


class Outbox:
    """The queue of deliveries. Its own lock is taken after the world's, and never around a call."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.url = ground.settings.webhook_url
        self._changed = threading.Condition()
        self._turns = itertools.count(1)
        self._running = False
        self._generation = 0
        self.clear()

    def clear(self) -> None:
        """Forget all notices and what is still to be sent; back to mode `send`. The address stays."""
        with self._changed:
            self.mode, self.times, self.seconds = "send", 2, 1.0
            self._notices: deque[Notice] = deque(maxlen=LIMIT)
            self._held: deque[Notice] = deque()
            self._queue: list[_Series] = []
            # Deliveries never attempted yet, waiting or under way; and how many were attempted in all.
            self._fresh = 0
            self._attempted = 0
            self._generation += 1
            self.url = self.url or self._ground.settings.webhook_url
            self._changed.notify_all()

    def post(self, notice: Notice) -> None:
        """Take a new notice; the mode decides what becomes of it. Call it under the world's lock."""
        with self._changed:
            self._notices.append(notice)
            if self.mode == "drop" or not self.url:
                notice.state = "dropped"
            elif self.mode == "hold":
                notice.state = "held"
                self._held.append(notice)
                if len(self._held) > LIMIT:
                    self._held.popleft().state = "dropped"
            else:
                self._release(notice)

    def set_mode(self, mode: str, times: int, seconds: float) -> int:
        """How notices leave from now on; every mode but hold and drop releases what was held. Returns how many."""
        with self._changed:
            self.mode, self.times, self.seconds = mode, times, seconds
            if mode in {"hold", "drop"}:
                return 0
            released, self._held = self._held, deque()
            for notice in released:
                notice.state = "queued"
                self._release(notice)
            return len(released)

    def set_url(self, url: str) -> None:
        """Send to another address on loopback; raises SettingsRefused for any other."""
        check_loopback_url("url", url)
        self.url = url

    def resend(self, reference: str, times: int, forgery: Forgery, *, kind: str = "") -> int:
        """Send what carries this reference (or ipnId) again, of one type if `kind` says so; returns how many deliveries were queued."""
        with self._changed:
            found = [notice for notice in self._notices if reference in {notice.reference, notice.ipn_id}]
            found = [notice for notice in found if kind in {"", notice.type}]
            for notice in found:
                for _ in range(times):
                    self._enqueue(notice, 0.0, forgery)
            return len(found) * times

    def _release(self, notice: Notice) -> None:
        chance = self._ground.random
        copies = self.times if self.mode == "duplicate" else 1
        if chance.random() < self._ground.behaviour.repeat_notices:
            copies += 1
        for _ in range(copies):
            self._enqueue(notice, chance.uniform(0, self.seconds) if self.mode == "shuffle" else 0.0, Forgery())

    def _enqueue(self, notice: Notice, wait: float, forgery: Forgery) -> None:
        heapq.heappush(self._queue, _Series(time.monotonic() + wait, next(self._turns), notice, forgery))
        self._fresh += 1
        self._changed.notify_all()

    def settle(self, timeout: float) -> bool:
        """Wait until every delivery has been attempted once; False when nothing went on for `timeout` seconds."""
        with self._changed:
            while self._running and self._fresh:
                seen = self._attempted
                if not self._changed.wait_for(lambda: not self._running or self._attempted != seen, timeout):  # noqa: B023  # used up at once
                    return False
            return True

    def as_json(self, kind: str = "", last: int = LIMIT) -> dict[str, Any]:
        """The answer of GET /_levers/notices: all of them, or one type, or the newest."""
        with self._changed:
            chosen = [notice for notice in self._notices if kind in {"", notice.type}][-last:]
            return {"mode": self.mode, "url": self.url, "notices": [notice.as_json() for notice in chosen]}

    def start(self) -> None:
        """Begin sending, on a thread that ends with `stop`."""
        self._running = True
        threading.Thread(target=self._run, name="notices", daemon=True).start()

    def stop(self) -> None:
        """End the thread after the delivery that it is making."""
        with self._changed:
            self._running = False
            self._changed.notify_all()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            series, generation = taken
            outcome = self._attempt(series)
            with self._changed:
                if generation == self._generation:
                    self._settle_attempt(series, outcome)
                self._changed.notify_all()

    def _take(self) -> tuple[_Series, int] | None:
        """The next delivery that is due; None when it is time to stop."""
        with self._changed:
            while self._running:
                wait = self._queue[0].due - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._queue), self._generation
                self._changed.wait(wait)
            return None

    def _settle_attempt(self, series: _Series, outcome: dict[str, Any]) -> None:
        """Note the answer; without a 200, come back later until the attempts are used up."""
        self._fresh -= series.attempts == 0
        self._attempted += 1
        series.attempts += 1
        series.notice.deliveries.append(outcome)
        if outcome["status"] == 200:
            series.notice.state = "delivered"
        elif series.attempts < ATTEMPTS and not series.forgery.tamper:
            series.due = time.monotonic() + self._ground.settings.notice_retry_seconds
            heapq.heappush(self._queue, series)
        elif series.notice.state != "delivered":
            series.notice.state = "failed"

    def _attempt(self, series: _Series) -> dict[str, Any]:
        """One POST. The outcome has the status, or why there was none."""
        now = self._ground.clock.now()
        if not series.timestamp or self._ground.behaviour.retry_timestamp == "fresh":
            series.timestamp = timestamp_of(now + timedelta(seconds=series.forgery.shift_seconds))
        body, headers = self._signed(series)
        outcome: dict[str, Any] = {"at": rfc3339(now), "timestamp": series.timestamp, "status": None}
        if not self.url:
            return outcome | {"error": "NoDestination"}
        target = urlsplit(self.url)
        host = "127.0.0.1" if target.hostname == "localhost" else target.hostname
        connection = http.client.HTTPConnection(host or "", target.port or 80, timeout=ANSWER_WITHIN)
        try:
            connection.request("POST", urlunsplit(("", "", target.path or "/", target.query, "")), body, headers)
            outcome["status"] = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            outcome["error"] = type(error).__name__
        finally:
            connection.close()
        return outcome

    def _signed(self, series: _Series) -> tuple[bytes, dict[str, str]]:
        """Body and headers, with whatever the forgery asks for."""
        forgery, body = series.forgery, series.notice.body.encode()
        signature = sign(forgery.signed_with or self._ground.webhook_key, series.timestamp, body)
        if forgery.tamper == "signature":
            signature = signature[:-1] + ("0" if signature[-1] != "0" else "1")
        if forgery.tamper == "body":
            body = body[:-1] + (b"1" if body[-1:] == b"0" else b"0")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "BlueSnap",
            "X-Simulator": "bluesnap",
        }
        if forgery.tamper == "unsigned":
            return body, headers
        # Both casings were seen (bluesnap/variants.md section 2).
        lower = series.turn % 2 == 0
        names = ("bls-signature", "bls-ipn-timestamp") if lower else ("Bls-Signature", "Bls-Ipn-Timestamp")
        return body, headers | {names[0]: signature, names[1]: series.timestamp}
