"""The chain of deadlines: it holds on the defaults and in what gunicorn is really given, and a broken link stops the process by the names of its settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest

from service import config
from service.config import ROOT, deadlines
from service.errors import SettingsError
from tests.config.test_config_settings import PRODUCTION, SANDBOX, refused
from tests.support.tools import environ_of

LIVE = config.load(environ_of(**PRODUCTION))
#: What the notes on faults fix, in seconds: ordinary calls, calls that charge, and what is around both.
PUBLISHED = {
    "connect_seconds": 3, "read_seconds": 15, "total_seconds": 20, "charge_read_seconds": 60, "charge_total_seconds": 65,
    "worker_timeout_seconds": 75, "graceful_seconds": 80, "proxy_seconds": 90, "lease_seconds": 90, "quiet_seconds": 120,
}  # fmt: skip
TELL = """
import json, sys
from gunicorn.app.wsgiapp import WSGIApplication
sys.argv = ["gunicorn", "--config", "python:service.gunicorn_conf", "service.app:serving()"]
cfg = WSGIApplication().cfg
print(json.dumps([cfg.timeout, cfg.graceful_timeout, cfg.threads, cfg.worker_connections, cfg.max_requests + cfg.max_requests_jitter]))
"""


def seconds(*fields):
    return [getattr(LIVE, field) for field in fields]


def test_defaults_are_those_that_were_published():
    assert {name: getattr(LIVE, name) for name in PUBLISHED} == PUBLISHED


@pytest.mark.parametrize("inside", [("read_seconds", "total_seconds"), ("charge_read_seconds", "charge_total_seconds")])
def test_each_deadline_is_longer_than_the_one_inside(inside):
    chain = seconds("connect_seconds", *inside, "request_seconds", "worker_timeout_seconds", "graceful_seconds", "proxy_seconds")  # fmt: skip
    assert all(shorter < longer for shorter, longer in pairwise(chain)), chain
    assert LIVE.lease_seconds > LIVE.request_seconds > LIVE.wait_seconds + LIVE.charge_total_seconds - 1
    assert not deadlines.broken_links(LIVE)


def test_gunicorn_is_given_the_settings_of_the_chain():
    environ = environ_of(
        **PRODUCTION, worker_timeout_seconds="74", graceful_seconds="79", threads="9", connections="77"
    )
    told = subprocess.run(
        [sys.executable, "-c", TELL], cwd=ROOT, env={"PATH": os.environ["PATH"], **environ}, check=True, capture_output=True
    ).stdout  # fmt: skip
    assert json.loads(told.splitlines()[-1]) == [74, 79, 9, 77, 1_000]


LINKS = [(inner, outer) for inner, _, outer, _ in deadlines.links(LIVE)]
FIELD_OF = {setting: setting.removeprefix("PANLESS_").lower() for link in LINKS for setting in link}


def test_every_link_of_both_chains_is_looked_at():
    assert len(LINKS) == len(set(LINKS)) == 10
    assert {FIELD_OF[name] for link in LINKS for name in link} == set(PUBLISHED) - {"quiet_seconds"} | {
        "request_seconds"
    }


@pytest.mark.parametrize(("inner", "outer"), LINKS)
def test_link_that_is_broken_is_told_by_its_two_settings(inner, outer):
    same = getattr(LIVE, FIELD_OF[inner])
    told = deadlines.broken_links(replace(LIVE, **{FIELD_OF[outer]: same}))
    assert f"{outer} must be above {inner}: what is around must outlive what is within" in told


@pytest.mark.parametrize("environment", [PRODUCTION, SANDBOX])
def test_process_does_not_start_on_a_broken_chain(environment):
    told = refused(environ_of(**environment, graceful_seconds="75", proxy_seconds="80"))
    assert told == "PANLESS_GRACEFUL_SECONDS must be above PANLESS_WORKER_TIMEOUT_SECONDS: what is around must outlive what is within"  # fmt: skip


def test_wait_and_a_whole_charge_must_go_into_one_request():
    told = refused(environ_of(**PRODUCTION, wait_seconds="6"))
    assert told.startswith("PANLESS_REQUEST_SECONDS must hold PANLESS_WAIT_SECONDS and PANLESS_CHARGE_TOTAL_SECONDS")


def test_simulator_may_have_any_deadlines():
    try:
        config.load(environ_of(graceful_seconds="1", lease_seconds="1", total_seconds="1"))
    except SettingsError as error:
        pytest.fail(str(error))
