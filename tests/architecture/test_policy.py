"""docs/policy.md speaks of every sentence of the policy, and of code, tests and documents that there are."""

from __future__ import annotations

import ast
import re

import pytest

from service.evidence import policy
from tests.architecture.rules import ROOT

TEXT = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
SENTENCES = policy.read()
#: How many sentences each point of the policy has.
POINTS = {"1": 3, "2": 3, "3": 3, "4": 3, "5": 4, "6": 3, "7": 1, "8": 5}
NAMED = re.compile(
    r"`((?:\.ci|bench|dev|docs|service|simulator|tests)/[\w./-]+|[A-Z]+\.md|[\w-]+\.(?:txt|yaml))(?:::(\w+))?`"
)


def named(text):
    """What a text names: files of ours, each perhaps with a test in it."""
    return NAMED.findall(text)


def missing(text):
    """What a text names and is not there."""
    return [path + (f"::{test}" if test else "") for path, test in named(text) if not _is_there(path, test)]


def _is_there(path, test):
    file = ROOT / path
    if not test:
        return file.exists()
    return file.is_file() and any(
        isinstance(one, ast.FunctionDef) and one.name == test
        for one in ast.parse(file.read_text(encoding="utf-8")).body
    )


def test_every_sentence_of_the_policy_has_its_line():
    found = [sentence.number.split(".")[0] for sentence in SENTENCES]
    assert {point: found.count(point) for point in POINTS} == POINTS
    letters = [sentence.number for sentence in SENTENCES]
    assert letters == [f"{point}.{'abcdefgh'[place]}" for point, count in POINTS.items() for place in range(count)]


def test_every_path_and_test_that_is_named_is_there():
    assert len(named(TEXT)) > 80
    assert missing(TEXT) == []


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda one: one.number)
def test_each_sentence_says_what_bears_it_and_what_is_missing(sentence):
    assert sentence.says.endswith(".")
    assert named(sentence.code) or sentence.code == "not in this version"
    assert any(path.startswith("tests/") for path, _ in named(sentence.tests)) or sentence.tests == "none"
    assert sentence.evidence
    assert len(sentence.gaps.split()) > 1
    assert (sentence.tests == "none") is (sentence.code == "not in this version")


def test_path_or_test_that_is_not_there_is_found():
    text = "`service/nowhere.py`, `tests/architecture/test_policy.py::test_nothing`, `tests/architecture/test_policy.py`, `NOWHERE.md`"
    assert missing(text) == ["service/nowhere.py", "tests/architecture/test_policy.py::test_nothing", "NOWHERE.md"]


def test_image_without_documents_has_no_policy_to_show(tmp_path):
    assert policy.read(tmp_path / "policy.md") == []


def test_words_for_a_report_are_without_links_and_stress():
    assert policy.plain("[the **log**](operating.md#logs), `scan`: **yours**") == "the log, `scan`: yours"
