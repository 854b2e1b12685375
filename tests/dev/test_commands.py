"""The developer commands start on a bare Python, refuse in one line, and install nothing but what is locked."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest

from dev import bootstrap, chromium, cli, ports, suite
from dev.bootstrap import ROOT
from dev.errors import DevError


def test_commands_are_listed_without_a_command(capsys):
    assert cli.main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {name}" in listed for name in cli.COMMANDS)


def test_unknown_command_is_refused_with_the_list(capsys):
    assert cli.main(["tset"]) == 2
    assert "test" in capsys.readouterr().err


def test_way_in_needs_no_package_at_all():
    bare = [command.module for command in cli.COMMANDS.values() if command.bare]
    code = f"import {', '.join(['dev.cli', 'dev.bootstrap', *bare])}"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, env={"PATH": os.environ["PATH"]}, check=True)


def test_old_python_is_told_so_in_one_line():
    ast.parse((ROOT / "dev" / "__main__.py").read_text(), feature_version=(3, 7))
    pretend = "import runpy, sys; sys.version_info = (3, 8, 0); runpy.run_module('dev', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", pretend], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"Panless needs Python 3\.11 or newer.*\n", done.stderr)


def test_missing_venv_module_is_told_so_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / "none")
    monkeypatch.setattr(bootstrap, "VAR", tmp_path)
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DevError, match=r"^[^\n]*python3-venv[^\n]*$"):
        bootstrap.enter(["test"])


def test_changed_lock_makes_the_environment_stale(monkeypatch, tmp_path):
    locks = tuple(tmp_path / name for name in ("one.txt", "two.txt"))
    for lock in locks:
        lock.write_text("a==1\n")
    monkeypatch.setattr(bootstrap, "LOCKS", locks)
    before = bootstrap._digest()
    locks[1].write_text("a==2\n")
    assert bootstrap._digest() != before


def test_uv_is_cut_out_of_the_lock_with_its_hashes():
    block = bootstrap.uv_block(bootstrap.LOCKS[1].read_text())
    assert re.fullmatch(r"uv==[0-9.]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+(    # via .*\n)?", block)
    assert bootstrap.uv_block("a==1 \\\n    --hash=x\nuv==1 \\\n    --hash=y\nz==1\n") == "uv==1 \\\n    --hash=y\n"


def test_lock_without_uv_is_refused():
    with pytest.raises(DevError, match="does not pin uv"):
        bootstrap.uv_block("uvicorn==1\n")


def test_locks_name_no_registry():
    for lock in bootstrap.LOCKS:
        assert not re.search(
            r"^--?(index|extra-index|find-links|i |f )|https?://|file:", lock.read_text(), re.MULTILINE
        )


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_missing_chromium_skips_here_but_fails_in_ci(monkeypatch, tmp_path, ci, outcome):
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="apt-get install"):
        chromium.find_or_skip()


def test_chromium_that_is_named_wins_over_the_path(monkeypatch, tmp_path):
    mine = tmp_path / "my-chromium"
    mine.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(mine))
    assert chromium.find_or_skip() == mine


def test_tests_do_not_see_the_settings_of_an_installation(monkeypatch):
    for name in ("DATABASE_URL", "PANLESS_DATABASE_URL", "PANLESS_SANDBOX_USER"):
        monkeypatch.setenv(name, "x")
    seen = suite.environment()
    assert "PANLESS_SANDBOX_USER" in seen
    assert not {"DATABASE_URL", "PANLESS_DATABASE_URL"} & seen.keys()


def test_processes_of_the_tests_keep_what_they_compile(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in suite.environment()


def test_ports_come_from_options_then_settings_then_defaults():
    found = ports.from_environment({"PANLESS_BIND": "127.0.0.1:9080", "SIMULATOR_SHOP_PORT": "9070"}, {"shop": 9999})
    assert (found.service, found.shop, found.fields) == (9080, 9999, 8091)


@pytest.mark.parametrize("value", ["127.0.0.1:http", "127.0.0.1:70000", "127.0.0.1:٨٠"])
def test_setting_that_is_no_port_is_refused_by_name(value):
    with pytest.raises(DevError, match="PANLESS_BIND holds no port"):
        ports.from_environment({"PANLESS_BIND": value}, {})


def test_one_port_for_two_parts_is_refused():
    with ports.free() as some, pytest.raises(DevError, match="given to two parts"):
        ports.check(ports.Ports(**{**vars(some), "shop": some.fields}))
