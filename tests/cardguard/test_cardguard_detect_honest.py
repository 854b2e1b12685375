"""Honest signups pass, all of them. A few in every run; one hundred thousand in the long one."""

from __future__ import annotations

import json
import re

import pytest

from service.cardguard.detect import holds_card, names_card_data, numbers_hold_card
from tests.architecture.rules import ROOT
from tests.support.honest import Honest


def leaves(document):
    """Names and values of a document as text, in its order."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield name, None
            yield from leaves(value)
        else:
            yield name, str(value)


def refused(document):
    """The values and names of a document that are taken for card data."""
    every = list(leaves(document))
    values = [value for _, value in every if value is not None]
    wrong = [value for value in values if holds_card(value)]
    wrong += [name for name, _ in every if names_card_data(name) or holds_card(name)]
    return [*wrong, *(values if numbers_hold_card(values) else [])]


def signups(seed, count):
    """What is refused of so many honest signups: each an opening, a completion and the headers of one of them."""
    honest = Honest(seed)
    for number in range(count):
        for document in (honest.opening(), honest.completion(), honest.headers() if number % 10 == 0 else {}):
            yield from refused(document)


def test_honest_signups_pass():
    assert list(signups(1, 1000)) == []


def test_honest_bytes_that_begin_like_zlib_data_pass():
    assert holds_card("00-62853fbb3d69c2e209721999dee261f8-f934301d94c4813d-01") is None


@pytest.mark.long
@pytest.mark.timeout(600)
def test_one_hundred_thousand_honest_signups_pass():
    assert list(signups(2, 100_000)) == []


def test_whole_bodies_pass_as_bytes_too():
    """What is looked at as bytes is a body that is no JSON; an honest one that breaks off should still be told so, and not that it holds a card."""
    honest = Honest(3)
    bodies = [json.dumps(honest.completion()).encode()[:-1] for _ in range(1000)]
    assert [body for body in bodies if holds_card(body)] == []


def test_a_card_number_among_honest_values_is_still_refused():
    document = Honest(1).completion()
    document["payer"]["zip"] = "4012 8888 8888 1881"
    assert refused(document) == ["4012 8888 8888 1881"]


def test_our_own_names_are_not_those_of_card_fields():
    names = set(re.findall(r"^\s+([a-z_]+):", (ROOT / "openapi.yaml").read_text(), re.MULTILINE))
    assert len(names) > 50
    assert [name for name in sorted(names) if names_card_data(name)] == []
