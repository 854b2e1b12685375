"""The database's guard as it is declared: word for word what the migrations make, and how values are bound to it. What it refuses: test_cardguard_domains.py."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import Column, MetaData, Table, bindparam, select

from service.cardguard.domains import CARD_FREE, DOMAINS, Domain
from tests.architecture.rules import ROOT

MIGRATIONS = sorted((ROOT / "service" / "store" / "migrations" / "versions").glob("*.py"))


def made():
    """What the migrations say on the way up."""
    return "\n".join(
        re.split(r"^DOWN = ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[0] for file in MIGRATIONS
    )


def test_domains_are_declared_as_the_migrations_make_them():
    """The last constraint of each counts: a later migration may drop one and add another."""
    upward = made()
    bases = dict(re.findall(r"^CREATE DOMAIN (\w+) AS (\w+) ", upward, re.MULTILINE))
    checks = dict(
        re.findall(r"^(?:CREATE|ALTER) DOMAIN (\w+) .*CONSTRAINT \1_format CHECK \((.*)\);$", upward, re.MULTILINE)
    )
    assert DOMAINS
    assert {name: (bases[name], checks[name]) for name in bases} == DOMAINS


def test_check_of_documents_is_declared_as_the_migrations_make_it():
    """The last one counts here too."""
    *_, function = re.findall(r"CREATE (?:OR REPLACE )?(FUNCTION card_free\(.*?\n\$\$);", made(), re.DOTALL)
    assert f"\nCREATE {function}\n" == CARD_FREE


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_column_is_of_its_domain_and_keeps_statements_cacheable(name):
    table = Table("things", MetaData(), Column("thing", Domain(name)))
    assert str(Domain(name).compile()) == name
    assert select(table.c.thing == bindparam("given", type_=Domain(name)))._generate_cache_key() is not None


def test_document_goes_out_as_json_and_nothing_as_null():
    bind = Domain("image").bind_processor(None)
    assert json.loads(bind({"state": "open"})) == {"state": "open"}
    assert bind(None) is None


@pytest.mark.parametrize("name", sorted(DOMAINS.keys() - {"image"}))
def test_value_that_is_no_document_goes_out_as_it_is(name):
    assert Domain(name).bind_processor(None) is None


def test_column_of_no_domain_cannot_be_declared():
    with pytest.raises(KeyError):
        Domain("varchar")
