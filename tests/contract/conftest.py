"""Gives every test that asks for a scenario each of them in turn; those of the sandbox only where there is one to ask."""

from __future__ import annotations

import os

import pytest

pytest.register_assert_rewrite("contract_scenarios", "contract_stage")

from contract_scenarios import load_all  # noqa: E402 - only what is imported after that line is rewritten

#: Fixture -> which scenarios it stands for.
_CHOSEN = {
    "scenario": lambda _one: True,
    "simulated": lambda one: not one.skipped,
    "asked_there": lambda one: one["sandbox"],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, chosen in _CHOSEN.items():
        if fixture in metafunc.fixturenames:
            found = [one for one in load_all() if chosen(one)]
            if fixture == "asked_there" and not os.environ.get("PANLESS_SANDBOX_URL"):
                # one line in the report instead of one for every scenario
                found = found[:1]
            metafunc.parametrize(fixture, found, ids=lambda one: one.name)
