"""The simulator answers every scenario as the file says, so that what is proven against it holds for the facts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_scenarios import USUAL, filled, outcome_of
from contract_stage import Stage, check_outcome

from service.bluesnap.client import BlueSnapClient

ROOT = Path(__file__).parents[2]
START = [
    sys.executable,
    "-m",
    "simulator",
    "--port",
    "0",
    "--no-fields",
    "--no-shop",
    "--webhook-url",
    "http://127.0.0.1:9/",
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Stage]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
    with subprocess.Popen(START, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = dict(line.strip().partition(" ")[::2] for line in iter(process.stdout.readline, "ready\n"))
        stage = Stage(lines["protocol"].removesuffix("/services/2"), USUAL, levers=True)
        yield stage
        stage.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_the_simulator_answers_the_scenario(simulator, scenario):
    if scenario.skipped:
        pytest.skip(scenario.skipped)
    values = simulator.begin(scenario)
    simulator.play(scenario, values)
    simulator.settle()


def test_our_client_understands_the_simulator(simulator, simulated):
    values = simulator.begin(simulated)
    client = BlueSnapClient(base_url=simulator.base_url, **simulator.both_for(simulated))
    outcome = outcome_of(client, simulated["call"], filled(simulated["arguments"], values))
    client.close()
    simulator.settle()
    check_outcome(simulated, values, outcome)
