"""All 66 cells of the crash matrix where BlueSnap keeps errors under keys, too: look-ups that lag less and more than the quiet period, pages that come back and pages that do not."""

from __future__ import annotations

import pytest

from tests.faults.faults_matrix import assert_every_cell

#: Twelve rounds with their leases and quiet periods; a busy machine takes ten times as long as a quiet one.
pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]


def test_all_66_cells_end_with_one_sale_at_most(tmp_path):
    assert_every_cell(tmp_path, "replays_errors")
