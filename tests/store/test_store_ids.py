"""Our ids: sortable by the time they were made, never the same twice, and without a digit that could belong to a card."""

from __future__ import annotations

import time

from service.cardguard import formats
from service.store.ids import new_id


def test_ids_have_their_prefix_and_hold_no_digit():
    made = [new_id("cs") for _ in range(500)]
    assert all(formats.matches(formats.OUR_ID, one) and one.startswith("cs_") for one in made)
    assert not any(character.isdigit() for one in made for character in one)
    assert len(set(made)) == len(made)


def test_ids_of_later_milliseconds_sort_behind_earlier_ones():
    made = []
    for _ in range(20):
        made.append(new_id("su"))
        seen = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == seen:
            pass
    assert made == sorted(made)
