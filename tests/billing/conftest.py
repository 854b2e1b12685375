"""A desk whose BlueSnap account keeps idempotency keys for sure, and a subscription that we know."""

from __future__ import annotations

import pytest

from tests.support.desk import Desk


@pytest.fixture
def proven(make_tools, bluesnap):
    return Desk(make_tools(idempotency_proven="true"), bluesnap)


@pytest.fixture
def bought(desk, bluesnap):
    """A subscription as BlueSnap shows it, which is active here, with its first charge."""
    desk.buy()
    return bluesnap.subscriptions[0]
