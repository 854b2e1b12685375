"""Migrations form one numbered line with one head: 0001, 0002, and so on, each on top of the one before."""

from __future__ import annotations

import ast
import re

from tests.architecture.rules import ROOT

VERSIONS = ROOT / "service" / "store" / "migrations" / "versions"


def read(path):
    """`revision` and `down_revision` as written in a migration."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) in {"revision", "down_revision"}:
                found[ast.unparse(target)] = ast.literal_eval(node.value)
    return found


def broken_links(folder):
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    wrong, before = [], None
    for number, path in enumerate(files, start=1):
        revision = read(path)
        if not re.fullmatch(rf"{number:04}_[a-z_]+", path.stem):
            wrong.append(f"{path.name} is not number {number:04}")
        if not revision.get("revision", "").startswith(f"{number:04}"):
            wrong.append(f"{path.name} calls itself {revision.get('revision')}")
        if revision.get("down_revision", "missing") != before:
            wrong.append(f"{path.name} is not on top of {before}")
        before = revision.get("revision")
    return wrong


def test_migrations_are_numbered_and_have_one_head():
    assert list(VERSIONS.glob("0001_*.py"))
    assert not broken_links(VERSIONS)


def test_second_head_or_gap_in_the_numbers_is_found(tmp_path):
    (tmp_path / "0001_first.py").write_text('revision = "0001"\ndown_revision = None\n')
    (tmp_path / "0002_second.py").write_text('revision = "0002"\ndown_revision = "0001"\n')
    assert not broken_links(tmp_path)
    (tmp_path / "0004_other.py").write_text('revision: str = "0004"\ndown_revision: str = "0001"\n')
    assert len(broken_links(tmp_path)) == 3
