"""The whole state of the simulated account, in memory only. One lock guards it; it must never be held while something waits, sends or sleeps."""

from __future__ import annotations

import random
import secrets
import threading
from collections import deque
from typing import Any

from simulator.behaviour import Behaviour
from simulator.bounded import Bounded
from simulator.catalogue import Plan, fixed_plans
from simulator.clock import Clock, rfc3339
from simulator.deliveries import Outbox
from simulator.entities import Charge, Shopper, Subscription, Token
from simulator.faults import Faults
from simulator.idempotency import Keys
from simulator.ids import Ids
from simulator.ledger import Ledger
from simulator.settings import Settings

# Far above what a test suite makes; the oldest are forgotten beyond (GET /_levers says how many).
TOKENS = SHOPPERS = SUBSCRIPTIONS = 20_000
CHARGES = 100_000
RECEIVED = 2_000


class World:
    """Everything the faces share. Take `lock` around any access that is more than one reading."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        # Held while the clock is being moved, so that two moves and a reset do not interleave; taken before `lock`.
        self.moving = threading.RLock()
        self.ids = Ids()
        self.clock = Clock()
        self.fingerprint_key = secrets.token_hex(16)
        self.outbox = Outbox(self)
        self._clear(settings.seed)

    def reset(self, seed: int | None = None) -> None:
        """Forget everything but the catalogue, the clock's shift and all orders included; ids go on rising."""
        with self.moving, self.lock:
            self.clock.back_to_real_time()
            self.outbox.clear()
            self._clear(self.seed if seed is None else seed)

    def _clear(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)  # notices and faults
        self.noise = random.Random(seed)  # unknown fields in answers, apart so that a look-up shifts nothing else
        self.behaviour = Behaviour()
        self.faults = Faults()
        self.keys = Keys()
        self.ledger = Ledger()
        self.tokens: Bounded[str, Token] = Bounded(TOKENS)
        self.shoppers: Bounded[int, Shopper] = Bounded(SHOPPERS)
        self.subscriptions: Bounded[int, Subscription] = Bounded(SUBSCRIPTIONS)
        self.charges: Bounded[int, Charge] = Bounded(CHARGES)
        self.plans: Bounded[int, Plan] = Bounded(1_000)
        for plan in fixed_plans():
            self.plans[plan.id] = plan
        self.received: deque[dict[str, Any]] = deque(maxlen=RECEIVED)
        self.received_count = 0

    def remember_request(self, request: dict[str, Any]) -> None:
        """Keep a whole request for GET /_levers/received."""
        with self.lock:
            self.received_count += 1
            self.received.append({"n": self.received_count, "at": rfc3339(self.clock.now()), **request})
