"""Inputs made to make the scan slow get an answer at the largest size that a request may have. How their time grows: bench/detect_growth.py."""

from __future__ import annotations

import pytest

from service.cardguard.detect import holds_card
from tests.support.hostile import HOSTILE

LARGEST = 64 * 1024


@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_hostile_input_of_the_largest_size_gets_an_answer(shape):
    found = holds_card(HOSTILE[shape](LARGEST))
    assert found is None or found.rule in {"card_number", "track_data", "too_tangled"}
