"""What all parts of the simulator stand on: settings, clock, chance and behaviour. It knows nothing of shoppers, money or notices."""

from __future__ import annotations

import random
import secrets
import threading

from simulator.behaviour import Behaviour
from simulator.clock import Clock
from simulator.ids import Ids
from simulator.settings import Settings


class Ground:
    """Take `lock` around any access that is more than one reading."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        # Held while the clock is being moved, so that two moves and a reset do not interleave; taken before `lock`.
        self.moving = threading.RLock()
        self.ids = Ids()
        self.clock = Clock()
        self.fingerprint_key = secrets.token_hex(16)
        self.begin_again(settings.seed)

    def begin_again(self, seed: int) -> None:
        """Chance, behaviour and secrets as at the start; ids go on rising."""
        self.seed = seed
        self.random = random.Random(seed)  # notices and faults
        self.noise = random.Random(seed)  # unknown fields in answers, apart so that a look-up shifts nothing else
        self.behaviour = Behaviour()
        self.accepted = [(self.settings.user, self.settings.password)]
        self.webhook_key = self.settings.webhook_key
