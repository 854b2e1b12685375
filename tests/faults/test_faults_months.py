"""A year of many accounts with faults: the books agree to the cent, nobody who paid is locked out, nobody has what he may not have."""

from __future__ import annotations

import pytest

from tests.faults.faults_months import Year
from tests.faults.faults_stage import FaultStage

SETTINGS = {"PANLESS_LOOK_SECONDS": "1", "PANLESS_LEASE_SECONDS": "5"}


def _year(tmp_path, *, accounts, months, calm_weeks, beside=0):
    """With all that is wrong, if something is; the figures are printed. `beside`: so many more workers, which nobody kills."""
    with FaultStage.start(tmp_path, settings=SETTINGS, bugs=("hurry",), proxied=()) as stage:
        for number in range(beside):
            stage.launch_beside(f"worker{number + 2}")
        year = Year(stage, accounts, calm_weeks=calm_weeks)
        year.begin()
        for number in range(months):
            year.month(number, accounts)
        year.end(accounts)
    assert not year.wrong, "\n".join(year.wrong[:20])
    assert year.books == year.ledger
    assert year.figures["charges"] > accounts * months * 0.7
    assert year.figures["kills"] > months * 5 // (calm_weeks + 1) - 1
    return year


@pytest.mark.faults
@pytest.mark.timeout(1_800)
def test_a_year_of_a_few_accounts_ends_with_equal_books(tmp_path):
    _year(tmp_path, accounts=40, months=12, calm_weeks=4)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_year_of_ten_thousand_accounts_ends_with_equal_books(tmp_path):
    _year(tmp_path, accounts=10_000, months=12, calm_weeks=0, beside=1)
