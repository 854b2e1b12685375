"""A site of a test's own."""

from __future__ import annotations

import pytest
from page_site import running_site


@pytest.fixture
def site():
    with running_site() as made:
        yield made
