"""What the archive's tests share: a host."""

from __future__ import annotations

import pytest

from tests.archive.archive_host import Host


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path)
    yield made
    made.files.close()
    made.shipper.close()
