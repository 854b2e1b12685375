"""BlueSnap's real sandbox answers the scenarios that can be asked there. Runs only where credentials are given; never anywhere else.

PANLESS_SANDBOX_URL (https://sandbox.bluesnap.com), PANLESS_SANDBOX_USER, PANLESS_SANDBOX_PASSWORD, and PANLESS_SANDBOX_PLAN, the id of
a plan in that account like our Team monthly. The credentials may be bound to addresses (bluesnap/api.md section 1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from contract_scenarios import filled, outcome_of
from contract_stage import OUR_PLAN, Stage, check_outcome

from service.bluesnap.client import BlueSnapClient

NAMES = ("PANLESS_SANDBOX_URL", "PANLESS_SANDBOX_USER", "PANLESS_SANDBOX_PASSWORD")
PLAN = "PANLESS_SANDBOX_PLAN"
pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Stage]:
    given = [os.environ.get(name, "") for name in NAMES]
    if not all(given):
        pytest.skip(f"needs {', '.join(NAMES)}")
    stage = Stage(given[0].rstrip("/"), {"user": given[1], "password": given[2]}, levers=False)
    if PLAN in os.environ:
        stage.own_values["plan_id"] = os.environ[PLAN]
    yield stage
    stage.close()


@pytest.fixture
def values(sandbox, asked_there) -> dict[str, str]:
    """What holds when the scenario begins; nothing, if it needs a plan of the account and none was named."""
    if asked_there["values"].get("plan_id") == OUR_PLAN and "plan_id" not in sandbox.own_values:
        pytest.skip(f"needs {PLAN}")
    return sandbox.begin(asked_there)


def test_the_sandbox_answers_the_scenario(sandbox, asked_there, values):
    sandbox.play(asked_there, values)


def test_our_client_understands_the_sandbox(sandbox, asked_there, values):
    client = BlueSnapClient(base_url=sandbox.base_url, **sandbox.credentials_for(asked_there))
    outcome = outcome_of(client, asked_there["call"], filled(asked_there["arguments"], values))
    client.close()
    check_outcome(asked_there, values, outcome)
