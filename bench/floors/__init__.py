"""Floors: the least that anybody could do who does the same at all. What ours costs beyond its floor is the price of its guards."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def once(make: Callable[[], T]) -> Callable[[], T]:
    """Made by the first thread of a process that needs it, while the others wait: pools do not survive a fork."""
    kept, lock = functools.cache(make), threading.Lock()

    def made() -> T:
        with lock:
            return kept()

    return made
