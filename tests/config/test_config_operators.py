"""The operators' commands against a running simulator: plans, doctor and adopt, each with its exit status and its words, and its results alone on standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import requests

from service import cli, wiring
from service.bluesnap.client import BlueSnapClient
from service.cli import adopt, doctor, plans
from service.config import ROOT
from tests.support.tools import environ_of

START = ["-m", "simulator", "--port", "0", "--no-fields", "--no-shop"]
WEBHOOKS = "http://127.0.0.1:9/webhooks/bluesnap"
FORM = "account,subscription\n"


def work(_):
    """Not called here."""


@pytest.fixture(scope="module")
def simulator():
    """Its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
    command = [sys.executable, *START, "--webhook-url", WEBHOOKS]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        lines = dict(line.strip().partition(" ")[::2] for line in iter(process.stdout.readline, "ready\n"))
        yield lines["protocol"].removesuffix("/services/2")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.fixture
def lever(simulator):
    """Pulls a lever; what stands at the end of the test is forgotten."""
    with requests.Session() as session:
        session.trust_env = False

        def pull(name, **body):
            answer = session.post(f"{simulator}/_levers/{name}", json=body, timeout=10)
            assert answer.status_code == 200, answer.text
            return answer.json()

        pull("reset")
        yield pull
        pull("reset")


@pytest.fixture
def run(simulator, make_tools, monkeypatch, capsys):
    """Runs a command in this process, on this simulator and the test's database; answers status, standard output and standard error."""
    clients = []

    def start(*arguments, clock=wiring.system_clock, **settings):
        ours = make_tools(**{"bluesnap_url": simulator, "bluesnap_password": "simulator-password-1", **settings})
        given = ours.settings
        clients.append(
            BlueSnapClient(base_url=given.bluesnap_url, user=given.bluesnap_user, password=given.bluesnap_password)
        )
        ours = replace(ours, bluesnap=clients[-1], clock=clock)
        for commands in (adopt, doctor, plans):
            monkeypatch.setattr(commands, "tools", lambda: ours)
        status = cli.main(work, arguments)
        return status, *capsys.readouterr()

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def listed(tmp_path):
    """Writes a list of customers; answers its name."""

    def write(text):
        path = tmp_path / "customers.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_catalogue_of_the_simulator_is_as_it_should_be(run, lever):
    assert run("plans", "check") == (0, "all plans are as they should be\n", "")
    status, shown, _ = run("plans", "push", "--apply", "--json")
    assert (status, {row["state"] for row in json.loads(shown)}) == (0, {"present"})


def test_missing_plan_is_made_once_and_its_id_told(run, lever, tmp_path):
    catalogue = tmp_path / "plans.toml"
    catalogue.write_text('[[plan]]\nid = "club"\nversion = 1\nprice = "9.00"\ncurrency = "USD"\n', encoding="utf-8")
    status, shown, _ = run("plans", "push", plans_file=str(catalogue))
    assert (status, shown) == (1, 'club version 1: to_make "Club monthly (version 1)"\n')
    status, shown, _ = run("plans", "push", "--apply", plans_file=str(catalogue))
    made, put = shown.splitlines()
    plan_id = made.rpartition(" ")[2]
    assert (status, put) == (0, f'  put into plans.toml, entry club version 1: bluesnap.simulator = "{plan_id}"')
    catalogue.write_text(catalogue.read_text() + f'bluesnap = {{ simulator = "{plan_id}" }}\n', encoding="utf-8")
    assert run("plans", "check", plans_file=str(catalogue))[0] == 0


def test_doctor_as_a_process_has_nothing_to_say_of_a_deployment_that_is_well(simulator, lever, module_database):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PANLESS_", "DATABASE_URL"))}
    given = environ_of(module_database, bluesnap_url=simulator, bluesnap_password="simulator-password-1")
    command = [sys.executable, "-m", "service", "doctor"]
    done = subprocess.run(command, cwd=ROOT, env=kept | given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing is wrong\n", "")


def test_doctor_tells_what_is_wrong_and_what_to_do(run, lever):
    status, shown, complaints = run("doctor", "--json", public_url="http://127.0.0.1:10", bluesnap_password="zqxcanary")
    rows = {row["finding"]: row for row in json.loads(shown)}
    assert (status, complaints) == (1, "")
    assert rows["address.unread"]["severity"] == "unchecked"
    assert "zqxcanary" not in shown
    status, shown, _ = run("doctor", public_url="http://127.0.0.1:10")
    assert (status, shown.splitlines()[0].split(":")[0]) == (1, "error     address.wrong")
    assert "to do: correct it in BlueSnap's Merchant Portal" in shown


def test_customers_are_shown_then_linked_then_known(run, lever, listed):
    seeded = lever("seed", subscriptions=[{"amount": "290.00", "count": 2}, {"amount": "300.00"}])["subscriptions"]
    names = [one["subscription_id"] for one in seeded]
    customers = listed(FORM + "".join(f"acct-{number},{name}\n" for number, name in enumerate(names)))
    status, shown, _ = run("adopt", customers)
    first, _, third, total = shown.splitlines()
    assert (status, total) == (1, "2 link, 1 refused")
    assert first.startswith(f"line 2: acct-0 {names[0]}: link, team version 1, 10 members, 290.00 USD, renews ")
    assert third.startswith(f"line 4: acct-2 {names[2]}: refused, amount_no_multiple: ")
    for outcomes in (["linked", "linked", "refused"], ["known", "known", "refused"]):
        status, shown, _ = run("adopt", customers, "--apply", "--json")
        assert (status, [row["outcome"] for row in json.loads(shown)]) == (1, outcomes)


def test_list_that_is_none_is_told_without_repeating_it(run, listed, tmp_path):
    for name in (listed("zqxcanary;1\n"), str(tmp_path), str(tmp_path / "zqxcanary.csv")):
        status, shown, complaints = run("adopt", name)
        assert (status, shown) == (2, "")
        assert complaints.startswith("panless: the file ")
        assert "zqxcanary" not in complaints


def test_adoption_without_bluesnap_cannot_run(run, listed):
    status, shown, complaints = run("adopt", listed(f"{FORM}acct-a,55667788\n"), bluesnap_url="http://127.0.0.1:9")
    assert (status, shown) == (2, "")
    assert complaints == "panless: BlueSnap could not be asked (connection_refused); nothing was linked\n"


@pytest.mark.parametrize("command", ["doctor", "adopt"])
def test_command_without_the_simulators_clock_cannot_run(run, lever, listed, command):
    seeded = lever("seed", subscriptions=[{"amount": "290.00"}])["subscriptions"]
    arguments = [listed(f"{FORM}acct-a,{seeded[0]['subscription_id']}\n")] if command == "adopt" else []
    nowhere = wiring.simulator_clock("http://127.0.0.1:9/")
    status, shown, complaints = run(command, *arguments, clock=nowhere)
    assert (status, shown, complaints) == (2, "", "panless: the simulator's clock does not answer\n")
