"""CI's script, with stand-ins for the programs it calls: installs what is missing and only that, then checks and tests."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from dev.bootstrap import ROOT


@pytest.fixture
def ci(tmp_path):
    """Runs .ci/run with nothing on the PATH but stand-ins, which write down how they were called."""
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    calls = tmp_path / "calls"

    def run(*present, check_status=0, venv_status=0):
        statuses = {"make": check_status, "python3": venv_status, "curl": 0, "apt-get": 0, "sudo": 0}
        for name in {"make", "python3", "curl", "apt-get", "sudo", *present}:
            program = tmp_path / name
            program.write_text(
                f'#!{shutil.which("bash")}\n[[ $1 == -c ]] || echo "CI=$CI {name} $*" >>{calls}\nexit {statuses.get(name, 0)}\n'
            )
            program.chmod(0o755)
        environment = {"PATH": str(tmp_path), "CI": "false"}
        done = subprocess.run([shutil.which("bash"), ROOT / ".ci" / "run"], env=environment, check=False, timeout=30)
        return done.returncode, calls.read_text().splitlines()

    return run


def test_nothing_is_installed_where_nothing_is_missing(ci):
    assert ci("chromium") == (
        0,
        [
            "CI=true make check",
            "CI=true make advisories",
            "CI=true make test",
            "CI=true make test-long",
            "CI=true make leaks",
            "CI=true make faults",
            "CI=true make seeds",
        ],
    )


def test_missing_chromium_and_venv_are_installed_first(ci):
    _, calls = ci(venv_status=1)
    assert "apt-get -qq update" in calls[0]
    assert calls[1].endswith("python3-venv chromium")
    assert calls[2:] == [
        "CI=true make check",
        "CI=true make advisories",
        "CI=true make test",
        "CI=true make test-long",
        "CI=true make leaks",
        "CI=true make faults",
        "CI=true make seeds",
    ]


def test_failed_check_fails_the_run_but_the_tests_still_run(ci):
    status, calls = ci("chromium", check_status=3)
    assert status == 3
    assert [call.rpartition(" ")[2] for call in calls[-6:]] == [
        "advisories",
        "test",
        "test-long",
        "leaks",
        "faults",
        "seeds",
    ]


def test_script_is_executable_as_it_stands():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
