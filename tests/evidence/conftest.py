"""One private copy for all tests of a process that need a running one."""

from __future__ import annotations

import pytest

from service.evidence.stand import Stand


@pytest.fixture(scope="session")
def running_stand(tmp_path_factory):
    with Stand(tmp_path_factory.mktemp("stand") / "copy") as stand:
        yield stand
