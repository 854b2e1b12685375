"""`python -m service prove` on copies of the tree: passes on the tree as it is, and on each of three planted leaks fails and says where it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from service.config import ROOT

pytestmark = [pytest.mark.leaks, pytest.mark.timeout(400)]
NEEDED = ("service", "simulator", "dev")
FILES = ("openapi.yaml", "plans.toml", "pyproject.toml", "requirements.txt", "requirements-dev.txt")
NAMES = "No canary was found where it does not belong"
GUARDS = "Every column of the database that could hold text has a guard"


@pytest.fixture
def tree(tmp_path):
    """A copy of all that a run needs, to be changed."""
    top = tmp_path / "tree"
    for name in NEEDED:
        shutil.copytree(ROOT / name, top / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, top / name)
    (top / ".venv").symlink_to(ROOT / ".venv")
    return top


def plant(tree, file, old, new):
    """Change one place of one file, which must be there."""
    path = tree / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} has changed: plant somewhere else"
    path.write_text(text.replace(old, new), encoding="utf-8")


def prove(tree, *arguments):
    """Exit status, and what it says as JSON; the folder of the evidence is in it."""
    done = subprocess.run(
        [tree / ".venv" / "bin" / "python", "-m", "service", "prove", "--json", "--out", tree / "evidence", *arguments],
        cwd=tree,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PANLESS_", "SIMULATOR_", "PYTHON"))
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def failures(told):
    """The lines of each check that failed."""
    return {check["name"]: check["failures"] for check in told["checks"] if not check["passed"]}


def test_run_on_the_tree_as_it_is_finds_nothing(tree):
    status, told = prove(tree)
    assert status == 0, json.dumps(failures(told), indent=1)
    assert (failures(told), told["limited_to"]) == ({}, None)
    data = json.loads((tree / "evidence" / "evidence.json").read_text(encoding="utf-8"))
    assert data["tried"]["entrances"] > 400
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tree / "evidence", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_planted_log_line_fails_the_run_and_is_named(tree):
    plant(
        tree,
        "service/web/checkout.py",
        "    completion = signup.Completion(payer",
        "    print('paid by', call.body['payer']['first_name'], flush=True)\n    completion = signup.Completion(payer",
    )
    status, told = prove(tree, "--only", "completion . header Referer$")
    assert status == 1
    assert told["limited_to"]
    found = failures(told)[NAMES]
    assert any(
        line.startswith("S07+S08+S09+S10, service.log, line ") and ": payer: first name" in line for line in found
    )
    assert all("paid by" in line for line in found)


def test_planted_column_without_a_domain_fails_the_run_and_is_named(tree):
    plant(
        tree,
        "service/store/migrations/versions/0001_first_light.py",
        "        op.execute(script)\n\n\ndef downgrade",
        "        op.execute(script)\n    op.execute('ALTER TABLE accounts ADD COLUMN remark text')\n\n\ndef downgrade",
    )
    plant(
        tree,
        "service/store/models/selling.py",
        'Column("account", ACCOUNT, primary_key=True), Column(',
        'Column("account", ACCOUNT, primary_key=True), Column("remark", type_=Text()), Column(',
    )
    plant(tree, "service/store/models/selling.py", "Table, Uuid, text", "Table, Text, Uuid, text")
    plant(
        tree,
        "service/store/accounts.py",
        "values(account=account, created",
        "values(account=account, remark='paid', created",
    )
    status, told = prove(tree, "--only", "^GET /healthz . query name$")
    assert status == 1
    assert failures(told) == {GUARDS: ["accounts.remark (text)"]}


def test_planted_echo_of_a_field_name_fails_the_run_and_is_named(tree):
    plant(
        tree,
        "service/web/problems.py",
        "            yield FieldError(prefix, Code.FIELD_UNKNOWN)",
        '            yield FieldError(f"{prefix}/{name}", Code.FIELD_UNKNOWN)',
    )
    status, told = prove(tree, "--only", "^POST /v1/checkout-sessions . field")
    assert status == 1
    found = failures(told)
    assert set(found) == {NAMES}
    assert any(
        line.startswith("S11, answer ") and "POST /v1/checkout-sessions · field name /, marker)" in line
        for line in found[NAMES]
    )
