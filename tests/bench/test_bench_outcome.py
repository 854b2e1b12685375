"""Medians, ratios and goals say what they should; what was not measured is never met."""

from __future__ import annotations

import pytest

from bench.outcome import Figure, Goal, Outcome, Spread, ratios
from bench.rounds import Contender, interleave


def test_spread_is_median_least_and_greatest():
    assert Spread.of([5, 1, 3]) == Spread(3, 1, 5)
    assert Spread.of([4, 1, 3, 2]) == Spread(2.5, 1, 4)


def test_no_run_has_no_median():
    with pytest.raises(ValueError, match="no run"):
        Spread.of([])


def test_ratios_compare_what_ran_side_by_side():
    assert ratios([10, 30], [5, 10]) == [2, 3]
    with pytest.raises(ValueError, match="argument"):
        ratios([1, 2], [1])


@pytest.mark.parametrize(
    ("at", "values", "met"),
    [
        ("most", [1.0, 1.25, 9.0], True),
        ("most", [1.0, 1.26, 9.0], False),
        ("least", [0.1, 1.25, 1.3], True),
        ("least", [0.1, 1.24, 9.0], False),
        ("most", [], None),
        ("least", [], None),
    ],
)
def test_goal_is_met_on_the_right_side_of_its_bound(at, values, met):
    assert Goal("speed", at, 1.25, values).met is met


def test_comparison_with_one_who_was_not_measured_is_empty():
    found = Outcome([Figure("ours", "ours", "rate", "1/s", [8, 6]), Figure("floor", "floor", "rate", "1/s", [4, 6])])
    assert found.compare("ours", "floor", "rate") == [2, 1]
    assert found.compare("ours", "peer", "rate") == []


def test_rounds_take_turns_in_who_comes_first():
    order = []

    def contender(name):
        def run():
            order.append(name)
            return {"calls": (len(order), "")}

        return Contender(name, "ours", run)

    figures = interleave([contender("a"), contender("b")], 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert [(one.contender, one.values) for one in figures] == [("a", [1, 4, 5]), ("b", [2, 3, 6])]
