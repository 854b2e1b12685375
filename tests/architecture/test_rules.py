"""Every house rule holds in every file it speaks about, and finds the example that breaks it."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.rules import EVERYTHING, OBSERVERS, ROOT, RULES, catch_alls


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_code_keeps_the_rule(rule):
    found = [f"{path.relative_to(ROOT)}:{wrong}" for path in rule.files() for wrong in rule.find(path)]
    assert not found, "\n".join([rule.name, *found])


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    charge()\nexcept:\n    pass\n",
        "try:\n    charge()\nexcept BaseException:\n    raise\n",
        "with suppress(Exception):\n    charge()\n",
        "def each():\n    try:\n        charge()\n    except Exception:\n        pass\n",
    ],
)
def test_every_way_of_catching_everything_is_found(tmp_path, source):
    example = tmp_path / "signup.py"
    example.write_text(source)
    assert list(catch_alls(example))


def test_only_listed_observers_may_catch_everything():
    found = [(path.name, name) for path in ROOT.glob("service/b*/**/*.py") for name in _catching(path)]
    assert sorted(found) == sorted(OBSERVERS)


def _catching(path):
    """The functions that catch everything."""
    functions = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)]
    return [one.name for one in functions if EVERYTHING.search(_caught(one))]


def _caught(function):
    handlers = [one.type for one in ast.walk(function) if isinstance(one, ast.ExceptHandler)]
    calls = [one for one in ast.walk(function) if isinstance(one, ast.Call) and "suppress" in ast.unparse(one.func)]
    return " ".join(ast.unparse(one) for one in [*filter(None, handlers), *calls])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_speaks_about_files_and_finds_its_bad_example(rule, tmp_path):
    assert rule.files()
    example = tmp_path / "example.py"
    example.write_text(rule.bad)
    assert list(rule.find(example))
