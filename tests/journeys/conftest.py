"""Whole stacks: one that all journeys share, and others with settings of their own."""

from __future__ import annotations

import pytest
from journeys_stage import ENVIRONMENT, Stage

from dev.stack import Stack


@pytest.fixture(scope="session")
def new_stage(tmp_path_factory):
    """Starts a stack with these settings, over the short deadlines; all end with the test process."""
    running = []

    def start(**settings):
        stack = Stack(data=tmp_path_factory.mktemp("stack"), throwaway=True, environment=ENVIRONMENT | settings)
        running.append(stack.start())
        return Stage(stack)

    yield start
    for stack in reversed(running):
        stack.stop()


@pytest.fixture(scope="session")
def stage(new_stage):
    """The stack that all journeys of a test process share. Each uses an account of its own, and leaves levers as it found them."""
    return new_stage()


@pytest.fixture
def name():
    from journeys_stage import new_name

    return new_name()
