"""The whole state of the simulated account, in memory only. One lock guards it; it must never be held while something waits, sends or sleeps."""

from __future__ import annotations

from collections import deque
from typing import Any

from simulator.agenda import Agenda
from simulator.bounded import Bounded
from simulator.catalogue import Plan, fixed_plans
from simulator.clock import rfc3339
from simulator.deliveries import Outbox
from simulator.entities import Authentication, Charge, Chargeback, Refund, Shopper, Subscription, Token
from simulator.faults import Faults
from simulator.ground import Ground
from simulator.idempotency import Keys
from simulator.ledger import Ledger
from simulator.settings import Settings

# Far above what a test suite makes; the oldest are forgotten beyond (GET /_levers says how many).
TOKENS = SHOPPERS = SUBSCRIPTIONS = 20_000
CHARGES = 300_000
RECEIVED = 2_000


class World(Ground):
    """Everything the faces share."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.outbox = Outbox(self)
        self._clear()

    def reset(self, seed: int | None = None) -> None:
        """Forget everything but the catalogue, the clock's shift and all orders included; ids go on rising."""
        with self.moving, self.lock:
            self.clock.back_to_real_time()
            self.outbox.clear()
            self.begin_again(self.seed if seed is None else seed)
            self._clear()

    def _clear(self) -> None:
        self.faults = Faults()
        self.keys = Keys()
        self.ledger = Ledger()
        self.agenda = Agenda()
        self.tokens: Bounded[str, Token] = Bounded(TOKENS)
        self.authentications: Bounded[str, Authentication] = Bounded(TOKENS)
        self.shoppers: Bounded[int, Shopper] = Bounded(SHOPPERS)
        self.subscriptions: Bounded[int, Subscription] = Bounded(SUBSCRIPTIONS)
        self.charges: Bounded[int, Charge] = Bounded(CHARGES)
        self.refunds: Bounded[int, Refund] = Bounded(CHARGES)
        self.chargebacks: Bounded[int, Chargeback] = Bounded(CHARGES)
        self.plans: Bounded[int, Plan] = Bounded(1_000)
        for plan in fixed_plans():
            self.plans[plan.id] = plan
        self.received: deque[dict[str, Any]] = deque(maxlen=RECEIVED)
        self.received_count = 0
        self.receipt_ensured = False

    def remember_request(self, request: dict[str, Any]) -> None:
        """Keep a whole request for GET /_levers/received."""
        with self.lock:
            self.received_count += 1
            self.received.append({"n": self.received_count, "at": rfc3339(self.clock.now()), **request})
