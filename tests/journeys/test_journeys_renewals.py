"""The months after the purchase, on the simulator's clock: renewals extend the paid period, told by a notice or found by a look."""

from __future__ import annotations

import time
import uuid

import pytest
import requests

from dev.stack import Stack

pytestmark = pytest.mark.long

SECONDS = 40


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    environment = {"PANLESS_LOOK_SECONDS": "1", "PANLESS_LEASE_SECONDS": "5", "PANLESS_BREAKER_MINIMUM": "100000"}
    with Stack(data=tmp_path_factory.mktemp("renewals"), throwaway=True, environment=environment) as running:
        yield running


@pytest.fixture
def http():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(autouse=True)
def simulator(stack, http):
    """Levers; the clock and the mode of notices are put back afterwards."""

    def pull(lever, **body):
        answer = http.post(f"{stack.simulator_url}/_levers/{lever}", json=body, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()

    pull("behaviour", calm=True)
    yield pull
    pull("notices", mode="send")


def buy(stack, http, simulator, members=10):
    """A Team plan for a new account; answers the account and its subscription."""
    account = f"acct-{uuid.uuid4().hex[:6]}"
    opened = http.post(
        f"{stack.service_url}/v1/checkout-sessions",
        json={"account": account, "plan": "team", "members": members},
        headers={"Authorization": f"Bearer {stack.api_key}", "Idempotency-Key": str(uuid.uuid4())},
        timeout=SECONDS,
    ).json()
    simulator("fill", token=opened["hosted_fields"]["token"], card="visa")
    bought = http.post(
        f"{stack.service_url}/v1/checkout-sessions/{opened['id']}/completion",
        json={"payer": {"first_name": "Mira", "last_name": "Okafor", "country": "US"}},
        headers={"Authorization": f"Bearer {opened['client_secret']}", "Idempotency-Key": str(uuid.uuid4())},
        timeout=SECONDS,
    )
    assert bought.status_code == 201
    return account, bought.json()


def read(stack, http, account):
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    return http.get(f"{stack.service_url}/v1/accounts/{account}", headers=headers, timeout=SECONDS).json()


def await_that(condition):
    """Poll until it holds; the last reading if it never does."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(condition())


@pytest.mark.parametrize("told", ["send", "drop"])
def test_renewal_extends_the_paid_period_whether_it_is_told_or_not(stack, http, simulator, told):
    account, bought = buy(stack, http, simulator)
    simulator("notices", mode=told)
    simulator("clock", advance="P1M")
    assert read(stack, http, account)["access"]["plan"] == "team"

    def renewed():
        now = read(stack, http, account)
        return now if now["subscription"]["paid_until"] > bought["paid_until"] else None

    now = await_that(renewed)
    assert (now["access"]["reason"], now["access"]["until"]) == ("paid", now["subscription"]["paid_until"])
    assert now["subscription"]["next_charge"]["date"] > bought["next_charge"]["date"]


def test_many_months_pass_without_a_notice_and_one_look_finds_where_it_stands(stack, http, simulator):
    account, bought = buy(stack, http, simulator)
    simulator("notices", mode="drop")
    simulator("clock", advance="P5M")
    charged = await_that(lambda: len(_charges(stack, http, account)) == 6 and _charges(stack, http, account))
    assert {entry["amount"] for entry in charged} == {"290.00"}
    now = await_that(lambda: (found := read(stack, http, account))["access"]["reason"] == "paid" and found)
    assert now["subscription"]["paid_until"] > bought["paid_until"]


def _charges(stack, http, account):
    """What the simulator did to this account's shopper."""
    entries = http.get(f"{stack.simulator_url}/_levers/ledger", timeout=SECONDS).json()["entries"]
    last = [entry for entry in entries if entry["kind"] == "subscription"][-1]
    return [entry for entry in entries if entry["kind"] == "charge" and entry["subscription_id"] == last["id"]]
