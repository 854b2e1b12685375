"""Known flaws are found by version, in what is pinned and in what is installed; an old list is told, and fails nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from dev import advisories as pinned
from service import cli
from service.billing import watch
from service.config import ROOT
from service.supply import advisories
from service.supply.advisories import Advisories, Flaw
from service.telemetry import metrics


def work(_):
    """Not called here."""


FLAW = Flaw("CVE-0000-0001", "marshmallow", ("3.26.2", "4.1.2"), "takes processor")


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("3.26.1", True),
        ("3.26.2", False),
        ("3.27", False),
        ("4.0.0", True),
        ("4.1.1", True),
        ("4.1.2", False),
        ("4.1.10", False),
        ("5.0", False),
        ("2.9", True),
        ("4.1.2.post1", False),
        ("4.1.2rc1", False),
        ("", True),
    ],
)
def test_version_has_a_flaw_until_its_own_line_was_mended(version, found):
    assert FLAW.is_in(version) is found


def test_what_is_not_installed_has_no_flaw():
    assert Advisories(date(2031, 1, 1), (FLAW,)).open({}.get) == []
    assert Advisories(date(2031, 1, 1), (FLAW,)).open({"marshmallow": "3.0"}.get) == [(FLAW, "3.0")]


def test_neither_pins_nor_installed_packages_have_a_known_flaw():
    known = advisories.read()
    pins = pinned.pins([ROOT / name for name in pinned.PINNED])
    assert {flaw.package for flaw in known.flaws} <= set(pins)
    assert known.open(pins.get) == []
    assert known.open(advisories.installed) == []


def test_pinned_package_with_a_flaw_fails_the_command_by_name(monkeypatch, capsys, tmp_path):
    (tmp_path / "requirements.txt").write_text('urllib3==2.6.2 ; python_version >= "3.11" \\\n    --hash=sha256:00\n')
    monkeypatch.setattr(pinned, "ROOT", tmp_path)
    monkeypatch.setattr(pinned, "PINNED", ("requirements.txt",))
    assert pinned.main([]) == 1
    assert "urllib3 2.6.2" in capsys.readouterr().out


@pytest.mark.parametrize("days", [0, 14, 15, 4_000])
def test_old_list_is_a_warning_and_fails_nothing(monkeypatch, capsys, days):
    old = Advisories(pinned.datetime.now(pinned.UTC).date() - timedelta(days=days), advisories.read().flaws)
    monkeypatch.setattr(advisories, "read", lambda: old)
    assert pinned.main([]) == 0
    assert ("warning" in capsys.readouterr().out) is (days > 14)


def test_operator_is_shown_flaws_and_the_age_of_the_list(monkeypatch, capsys):
    monkeypatch.setattr(advisories, "installed", lambda package: "1.0" if package == "flask" else None)
    assert cli.main(work, ["advisories"]) == 1
    shown = capsys.readouterr().out
    assert "flask 1.0" in shown
    assert "days ago" in shown


def test_worker_shows_the_age_of_the_list_by_this_machines_clock(make_tools, clock):
    known = advisories.read()
    at = clock.now.replace(year=known.read_on.year, month=known.read_on.month, day=known.read_on.day)
    watch.watch(replace(make_tools(), machine_clock=lambda: at + timedelta(days=33)))
    assert metrics.ADVISORIES_AGE._value.get() == 33
    assert metrics.ADVISORIES_OPEN._value.get() == 0


def test_list_read_by_a_clock_that_is_behind_has_no_age():
    known = advisories.read()
    assert known.age(known.read_on - timedelta(days=3)) == 0
