"""Crash points: nothing happens at them but in a test build, and no test build comes near real money."""

from __future__ import annotations

import re

import pytest
from test_config_settings import refused

from service import config, crashpoints
from service.config import ROOT
from service.store.journal import Act
from tests.support.tools import PRODUCTION, SANDBOX, environ_of


@pytest.fixture
def reached(monkeypatch):
    """A test build, for as long as the test; the points that were reached."""
    names = []
    monkeypatch.setattr(crashpoints, "_listener", None)
    crashpoints.listen(names.append)
    return names


def test_point_without_a_listener_does_nothing():
    assert not crashpoints.armed()
    crashpoints.reach(crashpoints.REQUEST_READ)


def test_listener_hears_the_points_in_their_order(reached):
    crashpoints.reach("create_shopper.sent")
    crashpoints.reach("create_shopper.answered")
    assert reached == ["create_shopper.sent", "create_shopper.answered"]


@pytest.mark.parametrize("environment", [PRODUCTION, SANDBOX], ids=["production", "sandbox"])
def test_test_build_is_refused_where_money_is_near(reached, environment):
    told = "this is a test build, which can stop at crash points: it is for the simulator alone"
    assert refused(environ_of(**environment)) == told


def test_test_build_runs_with_the_simulator(reached):
    assert config.load(environ_of()).environment == "simulator"


def test_nothing_that_ships_listens():
    listening = re.compile(r"crashpoints\.listen\(|import listen")
    files = (ROOT / "service").rglob("*.py")
    assert [file.name for file in files if listening.search(file.read_text(encoding="utf-8"))] == []


def test_no_setting_switches_crash_points_on():
    assert not any("CRASH" in setting.name or "HOLD" in setting.name for setting in config.SETTINGS)


def test_names_of_acts_cannot_be_mistaken_for_other_points():
    fixed = {value for name, value in vars(crashpoints).items() if name.isupper()}
    assert not fixed & {f"{act}.committed" for act in Act}
