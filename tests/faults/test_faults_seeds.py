"""Seeded random runs where BlueSnap's keys are proven: the even seeds (faults_seeds.py says what a seed decides, and what it cannot)."""

from __future__ import annotations

import pytest

from tests.faults.faults_seeds import Stages, hold, seeds
from tests.faults.faults_seeds_plan import KINDS, Options, plan_of


@pytest.fixture(scope="module")
def stages():
    with Stages() as running:
        yield running


@pytest.mark.seeds
@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("seed", seeds(proven=True))
def test_nothing_is_sold_twice_or_lost_under_a_seed_of_faults(stages, seed):
    hold(stages.run(Options(seed)))


def test_one_seed_always_makes_one_plan():
    assert plan_of(Options(17)) == plan_of(Options(17))
    assert plan_of(Options(17)).told() != plan_of(Options(18)).told()


def test_seeds_of_ci_bring_about_every_kind_of_fault():
    planned = {fault.kind for seed in range(50) for fault in plan_of(Options(seed)).faults}
    assert planned == set(KINDS)


def test_no_seed_of_ci_has_every_kind_of_fault():
    assert all(set(plan_of(Options(seed)).kinds) < set(KINDS) for seed in range(50))
