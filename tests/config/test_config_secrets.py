"""The list of secrets: which are valid, which is newest, who needs an old one, how old their files are; never a value."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest

from service import cli
from service.cli import secret_keys as commands
from tests.support.notices import charge_form, signed_headers
from tests.support.tools import SECRET_KEY, environ_of
from tests.support.web import Web

NEW = "new:" + "bm90LXRoZS1vbmUtdGhhdC1tYWRlLXRoZS1vdGhlcnM="


def work(_):
    """Not called here."""


@pytest.fixture
def run(make_tools, bluesnap, monkeypatch, capsys):
    """Runs `secrets list` in this process, over the test's database; answers status, rows and text."""

    def start(environ=None, **settings):
        tools = make_tools(**settings)
        monkeypatch.setattr(commands, "tools", lambda: tools)
        monkeypatch.setattr(os, "environ", environ or environ_of(**settings))
        status = cli.main(work, ["secrets", "list", "--json"])
        rows = json.loads(capsys.readouterr().out)
        assert cli.main(work, ["secrets", "list"]) == status
        return status, rows, capsys.readouterr().out

    return start


def test_every_valid_secret_has_its_line_and_no_value(run):
    status, rows, text = run(secret_keys=f"{NEW},{SECRET_KEY}")
    assert status == 0
    assert [(row["setting"], row["place"], row["newest"], row["key"]) for row in rows] == [
        ("PANLESS_DATABASE_URL", 1, True, None),
        ("PANLESS_ERASURE_KEYS", 1, True, "one"),
        ("PANLESS_BLUESNAP_USER", 1, True, None),
        ("PANLESS_BLUESNAP_PASSWORD", 1, True, None),
        ("PANLESS_BLUESNAP_PASSWORD_OTHER", 1, True, None),
        ("PANLESS_WEBHOOK_KEYS", 1, True, None),
        ("PANLESS_WEBHOOK_KEYS", 2, False, None),
        ("PANLESS_SECRET_KEYS", 1, True, "new"),
        ("PANLESS_SECRET_KEYS", 2, False, "one"),
        ("PANLESS_EVENTS_SECRETS", 1, True, None),
    ]
    assert len(text.splitlines()) == len(rows)
    for value in environ_of(secret_keys=f"{NEW},{SECRET_KEY}").values():
        for part in value.split(","):
            secret = part.rpartition(":")[2]
            assert len(secret) < 10 or secret not in text + json.dumps(rows)


def test_old_key_is_shown_as_needed_by_what_it_made(run, make_tools, bluesnap):
    web = Web(make_tools(), bluesnap)
    web.open()
    body = charge_form()
    assert web.notify(body, signed_headers(body)).status_code == 200
    _, rows, text = run(secret_keys=f"{NEW},{SECRET_KEY}")
    old = rows[8]
    assert old["needed_by"] == {
        "client_secrets": 1, "payment_fields_tokens": 1, "idempotency_keys": 1, "notices": 1,
    }  # fmt: skip
    assert "one      older; needed by 1 client secrets, 1 payment fields tokens, 1 idempotency keys, 1 notices" in text
    assert rows[7]["needed_by"] == {}


def test_row_without_a_key_id_is_told_of_every_key(run, make_tools, bluesnap):
    web = Web(make_tools(), bluesnap)
    web.open()
    with web.tools.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE idempotency_keys SET key_id = NULL")
    _, rows, text = run(secret_keys=f"{NEW},{SECRET_KEY}")
    assert rows[7]["perhaps_needed_by"] == rows[8]["perhaps_needed_by"] == {"idempotency_keys": 1}
    assert "perhaps by 1 idempotency keys" in text


@pytest.mark.parametrize(("days", "status"), [(3, 0), (364, 0), (370, 1)])
def test_file_older_than_a_year_is_found(run, tmp_path, days, status):
    file = tmp_path / "keys"
    file.write_text(SECRET_KEY, encoding="utf-8")
    then = file.stat().st_mtime - timedelta(days=days).total_seconds()
    os.utime(file, (then, then))
    environ = environ_of(secret_keys=None) | {"PANLESS_SECRET_KEYS_FILE": str(file)}
    told, rows, text = run(environ)
    assert (told, rows[7]["age_days"]) == (status, days)
    assert f"newest, {days} days old" in text
    assert rows[1]["age_days"] is None
