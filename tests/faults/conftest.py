"""How long a test of this folder may take: faults have their own time-outs to run into, one after the other, on a machine that other runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
#: Seconds; a test that takes longer on purpose says so itself.
LIMIT = 600


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(_HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT))
