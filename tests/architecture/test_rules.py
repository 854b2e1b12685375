"""Every house rule holds in every file it speaks about, and finds the example that breaks it."""

from __future__ import annotations

import pytest

from tests.architecture.rules import ROOT, RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_code_keeps_the_rule(rule):
    found = [f"{path.relative_to(ROOT)}:{wrong}" for path in rule.files() for wrong in rule.find(path)]
    assert not found, "\n".join([rule.name, *found])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_speaks_about_files_and_finds_its_bad_example(rule, tmp_path):
    assert rule.files()
    example = tmp_path / "example.py"
    example.write_text(rule.bad)
    assert list(rule.find(example))
