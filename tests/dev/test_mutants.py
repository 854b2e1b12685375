"""`make mutants`: which changes it makes, that it tells a noticed one from an unnoticed one, and that what it lists as equivalent has a reason."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dev import mutants, mutants_targets
from dev.bootstrap import ROOT
from dev.errors import DevError
from dev.mutants_changes import mutants as mutants_of
from dev.mutants_patterns import Pattern, atoms

pytestmark = pytest.mark.long


def changed(literal):
    """What becomes of a string literal that is a pattern."""
    return {edit.apply(literal) for edit in Pattern(atoms([(0, literal)])).edits}


@pytest.mark.parametrize(
    ("literal", "others"),
    [
        ('r"a[bc]"', ['r"[bc]"', 'r"a[^bc]"', 'r"a[b]"', 'r"a[c]"']),
        ('r"[0-8]"', ['r"[^0-8]"', 'r"[1-8]"', 'r"[0-9]"', 'r"[0-7]"']),
        ('r"[^x]+"', ['r"[x]+"', 'r"[^x]*"', 'r"[^x]"']),
        ('r"a{1,2}"', ['r"a{2,2}"', 'r"a{0,2}"', 'r"a{1,3}"', 'r"a{1,1}"']),
        ('r"a?b*"', ['r"ab*"', 'r"a?b+"', 'r"a?b"']),
        ('r"(?:a?|b?|c?)"', ['r"(?:b?|c?)"', 'r"(?:a?|c?)"', 'r"(?:a?|b?)"', 'r"(?:a|b?|c?)"', 'r"(?:a?|b|c?)"', 'r"(?:a?|b?|c)"']),
        ('r"^a+$"', ['r"a+$"', 'r"^a+"', 'r"^a*$"', 'r"^a$"']),
        ('r"(?<![a])b"', ['r"(?<=[a])b"', 'r"b"', 'r"(?<![^a])b"', 'r"(?<![a])"']),
        ('r"\\W\\.x"', ['r"\\w\\.x"', 'r"\\W"']),
        ('rf"[a]{{2}}x{{{SIZE}}}"', ['rf"[^a]{{2}}x{{{SIZE}}}"', 'rf"[a]{{3}}x{{{SIZE}}}"', 'rf"[a]{{1}}x{{{SIZE}}}"']),
    ],
)  # fmt: skip
def test_pattern_is_changed_a_little_at_a_time(literal, others):
    assert changed(literal) == set(others)


def test_pattern_of_several_literals_is_changed_as_one():
    source = 'PATTERN = (\n    r"a?|"\n    r"[b]"\n)\n'
    found = {mutant.source for mutant in mutants_of("m.py", source)}
    assert 'PATTERN = (\n    r"[b]"\n    r""\n)\n' not in found
    assert 'PATTERN = (\n    r""\n    r"[b]"\n)\n' in found
    assert 'PATTERN = (\n    r"a?"\n    r""\n)\n' in found


def test_tables_limits_and_conditions_are_changed_outside_of_functions_too():
    source = "LIMIT = 12\nWORDS = ('a', 'b')\nif LIMIT > 3:\n    FOUND = [word for word in WORDS if word]\n"
    found = {mutant.now for mutant in mutants_of("m.py", source)}
    assert {"LIMIT = 13", "LIMIT = 11", "LIMIT = None", "if LIMIT >= 3:", "if False:", "if True:"} <= found
    assert "FOUND = [word for word in WORDS]" in {now.strip().replace("WORDS ]", "WORDS]") for now in found}
    assert any(now.startswith("WORDS = ('b'") for now in found)


def test_names_of_types_and_texts_for_people_are_left_as_they_are():
    source = '"""A module."""\nfrom a import b\nApp = Callable[[int], str]\ndef act(one: int = b) -> int:\n    """Act."""\n    return one\n'
    assert mutants_of("m.py", source) == []


@pytest.mark.parametrize("target", mutants_targets.TARGETS, ids=lambda target: target.name)
def test_every_target_and_its_tests_are_there(target):
    assert (ROOT / target.module).is_file()
    assert target.tests
    assert [test for test in target.tests if not (ROOT / test).is_file()] == []


def test_every_module_of_the_guard_is_a_target():
    there = {str(file.relative_to(ROOT)) for file in (ROOT / "service/cardguard").glob("[a-z]*.py")}
    assert {target.module for target in mutants_targets.TARGETS} == there | {"service/telemetry/redaction.py"}


def test_each_mutant_listed_as_equivalent_is_one_and_has_a_reason():
    listed = mutants.equivalents()
    for module in {module for module, _, _ in listed}:
        made = {(module, one.was, one.now) for one in mutants_of(module, (ROOT / module).read_text(encoding="utf-8"))}
        assert {key for key in listed if key[0] == module} <= made
    assert [why for why in listed.values() if len(why.split()) < 4] == []


def test_module_that_is_no_target_is_refused():
    with pytest.raises(DevError, match="no such module: nonsense"):
        mutants_targets.chosen(["nonsense"])


TRIAL = """
from dev.bootstrap import ROOT
from dev.mutants_changes import Mutant
from dev import mutants_trial as trial

module, tests = "service/cardguard/process.py", ["tests/cardguard/test_cardguard_process.py"]
source = (ROOT / module).read_text(encoding="utf-8")
changes = {"unchanged": source, "changed": source.replace("0o077", "0o022"), "no module": "import nothing_of_this_name", "endless": "while True: pass"}
made = [(Mutant(module, text, name, 0, "", ""), "") for name, text in changes.items()]
trial.prepare(made[0][0], tests)
for some, limit in (made[:-1], 90), (made[-1:], 0.2):
    for mutant, verdict in trial.tried(some, tests, limit=limit, processes=2):
        print(mutant.kind, verdict.result, verdict.by.rpartition("::")[2], sep=": ")
"""


def test_noticed_changes_are_told_from_unnoticed_ones():
    done = subprocess.run(
        [sys.executable, "-c", TRIAL], cwd=ROOT, check=True, capture_output=True, text=True, timeout=100
    )
    assert sorted(done.stdout.splitlines()) == [
        "changed: killed: test_process_leaves_no_core_no_open_file_and_no_memory_to_others",
        "endless: too long: it did not come to an end",
        "no module: killed: import: ModuleNotFoundError",
        "unchanged: survived: ",
    ]
