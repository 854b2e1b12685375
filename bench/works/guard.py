"""The card guard over single values, a whole body as the gate takes it, and inputs that are made to be slow. `python -m bench.works.guard`."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from bench import child, corpus
from service.bluesnap.notices import read_notice
from service.cardguard import detect, places
from service.cardguard.places import Kind
from tests.support.hostile import HOSTILE

RUNS = 3
_JUDGES: dict[Kind, Any] = {
    Kind.NAME: detect.names_card_data,
    Kind.VALUE: detect.holds_card,
    Kind.NUMBERS: detect.numbers_hold_card,
}


def body(raw: bytes) -> bool:
    """Whether the gate would refuse this body."""
    return any(_JUDGES[item.kind](item.sent) for item in places.of_body(raw))


def flagged() -> float:
    """How many of the look-alikes are taken for cards."""
    return float(sum(detect.holds_card(text) is not None for text in corpus.lookalikes()))


def hostile(shape: str, size: int) -> float:
    """Processor seconds of one scan, the least of some."""
    text, found = HOSTILE[shape](size), float("inf")
    for _ in range(RUNS):
        begun = time.process_time()
        detect.holds_card(text)
        found = min(found, time.process_time() - begun)
    return found


def main() -> None:
    """Answer what is asked."""
    notice, checkout = corpus.notice(), corpus.checkout().encode()
    works: child.Works = {
        "notice": lambda: detect.holds_card(notice),
        "notice by its list": partial(read_notice, notice.encode()),
        "checkout": lambda: body(checkout),
        "log line": child.texts(corpus.log_lines(), detect.holds_card),
    }
    counts: dict[str, Any] = {"flagged": flagged}
    counts |= {f"{shape}:{2**power}": partial(hostile, shape, 2**power) for shape in HOSTILE for power in range(8, 18)}
    child.serve(works, counts)


if __name__ == "__main__":
    main()
