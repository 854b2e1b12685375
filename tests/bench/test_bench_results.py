"""The results of a run come back from their file as they were, and the page of them loads nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from bench import page, results, table
from bench.outcome import Figure, Goal, Line, Outcome, Plot
from bench.rounds import Options

OUTCOME = Outcome(
    [Figure("Panless", "ours", "rate & more", "1/s", [1200, 1400, 1300]), Figure("thin", "floor", "rate & more", "1/s", [1000])],
    [Goal("rate", "least", 0.95, [1.2, 1.4, 1.3]), Goal("late", "most", 1.3, [1.5]), Goal("peer", "least", 8, [], why="not here")],
    [Plot("growth", "rows", "ms", [Line("reads", [(10, 1.0), (100, 1.5)]), Line("none", [(0, 0)])])],
    ["The generator took <a tenth> of a core."],
)  # fmt: skip


@pytest.fixture
def found():
    row = results.of_row("intake", "2 Notice intake", OUTCOME, 12.34)
    return results.document(datetime(2026, 11, 23, tzinfo=UTC), Options(), results.machine(), [row])


def test_document_has_the_fields_it_says(found):
    assert tuple(found) == results.FIELDS
    assert tuple(found["rows"][0]) == results.ROW
    assert [goal["met"] for goal in found["rows"][0]["goals"]] == [True, False, None]


def test_results_come_back_as_they_were(found, tmp_path):
    results.write(found, tmp_path)
    assert results.outcomes(results.newest(tmp_path)) == [("2 Notice intake", OUTCOME)]


def test_newest_results_are_those_of_the_last_day(found, tmp_path):
    for day in ("2026-11-24", "2026-11-25", "2026-11-23"):
        results.write(found | {"at": f"{day}T10:00:00+00:00"}, tmp_path)
    assert results.newest(tmp_path)["at"].startswith("2026-11-25")
    with pytest.raises(FileNotFoundError):
        results.newest(tmp_path / "none")


def test_table_has_every_figure_goal_and_note():
    told = table.of_row("2 Notice intake", OUTCOME)
    lines = [re.sub(r" {2,}", " | ", line.strip()) for line in told.splitlines()]
    assert "rate & more | Panless (ours) | 1,300 [1,200..1,400] | 1/s" in lines
    assert "rate | >= 0.95 x | 1.3 [1.2..1.4] | met" in lines
    assert "late | <= 1.3 x | 1.5 | MISSED" in lines
    assert "peer | >= 8 x | not here | not measured" in lines
    assert "- The generator took <a tenth> of a core." in lines


def test_readme_table_has_a_line_for_each_goal():
    told = table.as_markdown([("2 Notice intake", OUTCOME)]).splitlines()
    assert told[2:] == [
        "| 2 Notice intake: rate | >= 0.95 x | 1.3 [1.2..1.4] | met |",
        "| 2 Notice intake: late | <= 1.3 x | 1.5 | MISSED |",
        "| 2 Notice intake: peer | >= 8 x | - | not measured |",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01234, "0.0123"), (56.71, "56.7"), (123.4, "123"), (1234.5, "1,234")]
)
def test_numbers_have_three_digits(value, text):
    assert table.number(value) == text


def test_page_loads_nothing_and_quotes_what_it_shows(found):
    html = page.page(found)
    assert not re.search(r"(src|href)=|@import|url\(|<script|<link", html)
    assert "&lt;a tenth&gt;" in html
    assert html.count("<svg") == html.count("</svg>") == 2
    assert "worth nothing" not in html
    assert "worth nothing" in page.page(found | {"scale": 0.2})
