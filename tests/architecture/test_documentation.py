"""What a user can set or be told is written down: every setting in the README, every error code with one status in docs/errors.md."""

from __future__ import annotations

import re

from service.config import SETTINGS
from service.errors import Code
from service.web.problems import STATUS
from tests.architecture.rules import ROOT


def missing(names, text):
    """The names that a text does not have as words of their own."""
    return {name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)}


def test_every_setting_is_in_the_readme():
    assert len(SETTINGS) > 10
    assert not missing({setting.name for setting in SETTINGS}, (ROOT / "README.md").read_text())


def test_every_error_code_has_one_status():
    assert set(STATUS) == set(Code)
    assert all(400 <= status < 600 for status in STATUS.values())


def test_every_error_code_is_in_the_docs_with_its_status():
    lines = (ROOT / "docs" / "errors.md").read_text().splitlines()
    wrong = {
        code.value
        for code in Code
        if not any(not missing({f"{code.value}", str(STATUS[code])}, line) for line in lines)
    }
    assert not wrong


def test_name_inside_a_longer_one_does_not_count_as_documented():
    assert missing({"PANLESS_BIND"}, "PANLESS_METRICS_BIND and PANLESS_BINDING") == {"PANLESS_BIND"}
    assert not missing({"PANLESS_BIND"}, "| `PANLESS_BIND` |")
