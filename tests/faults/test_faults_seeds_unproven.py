"""Seeded random runs where nobody has proven that BlueSnap keeps keys, and where it ignores them or keeps errors under them: the odd seeds (faults_seeds.py)."""

from __future__ import annotations

import pytest

from tests.faults.faults_seeds import Stages, hold, seeds
from tests.faults.faults_seeds_plan import Options

pytestmark = [pytest.mark.seeds, pytest.mark.timeout(1_500)]


@pytest.fixture(scope="module")
def stages():
    with Stages() as running:
        yield running


@pytest.mark.parametrize("seed", seeds(proven=False))
def test_nothing_is_sold_twice_or_lost_where_keys_are_not_proven(stages, seed):
    hold(stages.run(Options(seed)))
