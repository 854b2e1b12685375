"""The suite must be good enough: each mistake that is planted in the service is found, by the invariant that it breaks; without it the same scenario passes."""

from __future__ import annotations

import pytest

from tests.faults import bugs
from tests.faults.faults_scenarios import PROVEN, TRIALS, UNPROVEN
from tests.faults.faults_stage import FaultStage

pytestmark = pytest.mark.faults
#: The ten of the list, by their names here.
LISTED = {
    "fresh_key", "server_error_is_failure", "apply_before_commit", "commit_warning_ignored", "short_dedup_window", "broad_except",
    "app_time_leases", "early_acknowledgement", "no_quiet_period", "chain_without_checkpoint",
}  # fmt: skip


def _stage(tmp_path_factory, settings, bug=None):
    folder = tmp_path_factory.mktemp(bug or "right")
    bugs_in = ("hurry", bug) if bug else ("hurry",)
    return FaultStage.start(folder, settings=settings, server={"synchronous_commit": "on"}, bugs=bugs_in)


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    with _stage(tmp_path_factory, PROVEN) as stage:
        yield stage


@pytest.fixture(scope="module")
def unproven(tmp_path_factory):
    with _stage(tmp_path_factory, UNPROVEN) as stage:
        yield stage


@pytest.mark.parametrize(
    "trial", [one for one in TRIALS if one.settings is PROVEN], ids=lambda one: one.scenario.__name__
)
def test_a_right_service_passes_where_keys_are_kept(proven, trial):
    trial.scenario(proven)


@pytest.mark.parametrize(
    "trial", [one for one in TRIALS if one.settings is UNPROVEN], ids=lambda one: one.scenario.__name__
)
def test_a_right_service_passes_where_nothing_is_proven(unproven, trial):
    trial.scenario(unproven)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda one: one.bug)
def test_a_planted_bug_is_found_by_what_it_breaks(tmp_path_factory, trial):
    with _stage(tmp_path_factory, trial.settings, trial.bug) as stage:
        stage.bugs = (trial.bug,)
        with pytest.raises(AssertionError, match=rf"(^|; ){trial.finds}: "):
            trial.scenario(stage)
        assert bugs.were_used(stage.holds) == {trial.bug}


def test_every_bug_of_the_list_is_tried_or_cannot_be():
    tried = {trial.bug for trial in TRIALS}
    assert tried == {bug.__name__ for bug in bugs.PLANTED}
    assert tried | bugs.NOT_YET.keys() >= LISTED
