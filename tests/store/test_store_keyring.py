"""Our secrets: sealed for one use, derived for one session, and still good after the master key was changed."""

from __future__ import annotations

import pytest

from service.cardguard import formats
from service.store.ids import new_id
from service.store.keyring import Keyring, session_of

OLD, NEW = ("old", b"o" * 32), ("new", b"n" * 32)
TOKEN = "payment-fields-token-of-these-tests_"


def test_sealed_text_is_opened_by_the_same_context_only():
    ring = Keyring([OLD])
    sealed = ring.seal(TOKEN, "cs_one")
    assert ring.unseal(sealed, "cs_one") == TOKEN
    assert ring.unseal(sealed, "cs_two") is None


def test_sealing_twice_gives_different_bytes_without_the_text():
    ring = Keyring([OLD])
    first, second = ring.seal(TOKEN, "cs_one"), ring.seal(TOKEN, "cs_one")
    assert first != second
    assert TOKEN.encode() not in first


def test_new_key_seals_and_the_old_one_still_opens():
    before, rotated, after = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    assert rotated.unseal(before.seal(TOKEN, "cs_one"), "cs_one") == TOKEN
    assert after.unseal(rotated.seal(TOKEN, "cs_one"), "cs_one") == TOKEN
    assert after.unseal(before.seal(TOKEN, "cs_one"), "cs_one") is None


def test_key_of_the_same_name_with_other_bytes_opens_nothing():
    assert Keyring([("old", b"x" * 32)]).unseal(Keyring([OLD]).seal(TOKEN, "cs_one"), "cs_one") is None


@pytest.mark.parametrize("cut", [37, 40, -1])  # the database keeps nothing shorter
def test_damaged_seal_is_no_text_and_no_crash(cut):
    ring = Keyring([OLD])
    assert ring.unseal(ring.seal(TOKEN, "cs_one")[:cut], "cs_one") is None


def test_flipped_bit_anywhere_in_a_seal_is_noticed():
    ring = Keyring([OLD])
    sealed = ring.seal(TOKEN, "cs_one")
    for place in range(8, len(sealed)):
        assert ring.unseal(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], "cs_one") is None


def test_client_secret_names_its_session_and_has_its_format():
    session_id = new_id("cs")
    secret = Keyring([OLD]).client_secret(session_id, "subscribe")
    assert formats.matches(formats.CLIENT_SECRET, secret)
    assert session_of(secret) == session_id


def test_client_secret_is_bound_to_its_session_and_purpose():
    ring, session_id, other = Keyring([OLD]), new_id("cs"), new_id("cs")
    secret = ring.client_secret(session_id, "subscribe")
    moved = secret.replace(session_id.removeprefix("cs_"), other.removeprefix("cs_"))
    assert ring.is_client_secret(secret, "subscribe")
    assert not ring.is_client_secret(secret, "replace_card")
    assert not ring.is_client_secret(moved, "subscribe")
    assert not ring.is_client_secret(secret[:-1] + ("A" if secret[-1] != "A" else "B"), "subscribe")


def test_client_secret_of_an_old_key_is_still_known():
    session_id = new_id("cs")
    secret = Keyring([OLD]).client_secret(session_id, "subscribe")
    assert Keyring([NEW, OLD]).is_client_secret(secret, "subscribe")
    assert not Keyring([NEW]).is_client_secret(secret, "subscribe")
    assert Keyring([NEW, OLD]).client_secret(session_id, "subscribe") != secret


def test_client_secret_is_derived_again_by_the_key_that_made_it():
    session_id = new_id("cs")
    secret = Keyring([OLD]).client_secret(session_id, "subscribe")
    assert Keyring([NEW, OLD]).client_secret(session_id, "subscribe", "old") == secret
    newest = Keyring([NEW]).client_secret(session_id, "subscribe")
    assert Keyring([NEW]).client_secret(session_id, "subscribe", "old") == newest
    assert Keyring([NEW, OLD]).client_secret(session_id, "subscribe", None) == newest


@pytest.mark.parametrize(
    "text", ["", "pcs_", "pk_simulator_" + "a" * 43, "pcs_" + "b" * 30 + "_" + "\u00e4" * 43, "pcs_x_y"]
)
def test_text_that_is_no_client_secret_names_no_session(text):
    assert session_of(text) is None
    assert not Keyring([OLD]).is_client_secret(text, "subscribe")


def test_fingerprints_compare_over_a_change_of_keys():
    before, after = Keyring([OLD]).fingerprints(b"body"), Keyring([NEW, OLD]).fingerprints(b"body")
    assert len(after) == 2
    assert before[0] in after
    assert before[0] != after[0]
    assert Keyring([OLD]).fingerprints(b"other") != before
