"""People come in by an identity that their issuer has signed, with a second factor; whatever is wrong with it, nobody comes in."""

from __future__ import annotations

import base64
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jws
from joserfc.jwk import RSAKey

from tests.support.people import LEEWAY, OLDEST, add_person, leave, new_key
from tests.support.tools import tools_over
from tests.support.web import Web, problem, told

AUDIT = "/v1/audit/entries"
NOW = int(time.time())


def part(value):
    given = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    return base64.urlsafe_b64encode(given).decode().rstrip("=")


def signed_by_hand(web, key, **head):
    """An identity that the library would not sign."""
    whole = f"{part({'alg': 'RS256', **head})}.{part(web.their_issuer.claims('mira'))}"
    return f"{whole}.{part(key.sign(whole.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def publish(web, key, **more):
    """Publish the public half of an RSA key."""
    numbers = key.public_key().public_numbers()
    n, e = (part(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
    web.their_issuer.published.append({"kty": "RSA", "n": n, "e": e, **more})


@pytest.fixture
def mira(web):
    return web.new_person("mira", "audit:read")


def read(web, identity, **more):
    return web.call("GET", AUDIT, auth=identity, **more)


def test_person_with_the_scope_comes_in_and_is_the_actor(web, mira):
    assert read(web, mira.identity).status_code == 200
    (entry,) = read(web, mira.identity).json["entries"][-1:]
    assert (entry["act"], entry["actor"], entry["subject"]) == ("audit.read", f"person:{mira.id}", mira.id)


@pytest.mark.parametrize(
    "claims",
    [{"acr": "mfa", "amr": None}, {"amr": ["mfa"]}, {"amr": ["x", "mfa"], "acr": 7}, {"aud": ["other", "panless"]}, {"nbf": NOW - 5}],
)  # fmt: skip
def test_identity_may_say_it_in_several_ways(web, mira, claims):
    assert read(web, web.their_issuer.identity("mira", **claims)).status_code == 200


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://issuer.example/staff/"}, "identity_invalid"),
        ({"iss": None}, "identity_invalid"),
        ({"iss": ["https://issuer.example/staff"]}, "identity_invalid"),
        ({"aud": "other"}, "identity_invalid"),
        ({"aud": None}, "identity_invalid"),
        ({"aud": []}, "identity_invalid"),
        ({"aud": {"panless": True}}, "identity_invalid"),
        ({"sub": None}, "identity_invalid"),
        ({"sub": ""}, "identity_invalid"),
        ({"sub": 7}, "identity_invalid"),
        ({"sub": "m" * 256}, "identity_invalid"),
        ({"sub": "mir\u00e4"}, "identity_invalid"),
        ({"exp": None}, "identity_invalid"),
        ({"exp": "never"}, "identity_invalid"),
        ({"exp": True}, "identity_invalid"),
        ({"exp": float("nan")}, "identity_invalid"),
        ({"exp": NOW - LEEWAY - 5}, "identity_expired"),
        ({"iat": None}, "identity_invalid"),
        ({"iat": NOW + LEEWAY + 600}, "identity_invalid"),
        ({"iat": NOW - OLDEST - LEEWAY - 5}, "identity_expired"),
        ({"nbf": NOW + LEEWAY + 600}, "identity_invalid"),
        ({"amr": None}, "second_factor_missing"),
        ({"amr": ["pwd"]}, "second_factor_missing"),
        ({"amr": "mfa"}, "second_factor_missing"),
        ({"amr": [["mfa"]]}, "second_factor_missing"),
        ({"acr": ["mfa"], "amr": None}, "second_factor_missing"),
    ],
)
def test_identity_that_says_something_else_is_refused(web, mira, claims, code):
    problem(read(web, web.their_issuer.identity("mira", **claims)), 401, code)


def without_signature(web):
    return f"{part({'alg': 'none', 'kid': 'first'})}.{part(web.their_issuer.claims('mira'))}.{'A' * 86}"


def signed_with_the_public_key(web):
    """What a verifier believes that lets the identity choose the algorithm: the key that everybody knows, taken for a shared secret."""
    whole = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(web.their_issuer.claims('mira'))}"
    public = web.their_issuer.keys[0].as_pem(private=False)
    return f"{whole}.{part(hmac.digest(public, whole.encode(), 'sha256'))}"


def of_a_strange_key(web):
    return web.their_issuer.identity("mira", key=new_key("first"))


def of_an_unknown_key(web):
    return web.their_issuer.identity("mira", key=new_key("second"))


def with_its_own_key(web):
    own = new_key("first")
    return web.their_issuer.identity("mira", key=own, header={"jwk": own.as_dict(private=False)}.items())


def of_another_kind(web):
    return web.their_issuer.identity("mira", header={"typ": "logout+jwt"}.items())


def another_ones_claims(web):
    head, _, signature = web.their_issuer.identity("somebody").split(".")
    return f"{head}.{part(web.their_issuer.claims('mira'))}.{signature}"


def another_signature(web):
    head, claims, signature = web.their_issuer.identity("mira").split(".")
    return f"{head}.{claims}.{signature[:-4]}{'AAAA' if signature[-4:] != 'AAAA' else 'BBBB'}"


def claims_that_are_none(web):
    key = web.their_issuer.keys[0]
    return jws.serialize_compact({"alg": "ES256", "kid": "first"}, '{"a" 1, "and so on": 1}', key, algorithms=["ES256"])


def with_a_head(head):
    return lambda web: f"{part(head)}.{part(web.their_issuer.claims('mira'))}.{'A' * 86}"


FORGED = {
    "no signature": without_signature,
    "a shared secret": signed_with_the_public_key,
    "a strange key of a good name": of_a_strange_key,
    "an unknown key": of_an_unknown_key,
    "its own key": with_its_own_key,
    "another kind": of_another_kind,
    "another one's claims": another_ones_claims,
    "another signature": another_signature,
    "no claims": claims_that_are_none,
    "two algorithms": with_a_head({"alg": ["ES256"], "kid": "first"}),
    "two keys": with_a_head({"alg": "ES256", "kid": ["first"]}),
    "no key": with_a_head({"alg": "ES256"}),
    "another algorithm": with_a_head({"alg": "ES512", "kid": "first"}),
    "what must be understood": with_a_head({"alg": "ES256", "kid": "first", "crit": ["exp"], "exp": 1}),
    "a broken head": with_a_head('{"alg' + "[" * 400),
    "a deep head": with_a_head('{"a":' + "[" * 490),
    "a long number": with_a_head('{"alg":' + "9" * 480 + "}"),
    "a head of no text": lambda web: f"eyJ{'_' * 40}.{part(web.their_issuer.claims('mira'))}.{'A' * 86}",
}


@pytest.mark.parametrize("forge", FORGED)
def test_forged_identity_is_refused(web, mira, forge):
    problem(read(web, FORGED[forge](web)), 401, "identity_invalid")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole + "." + whole,
        lambda whole: whole.rpartition(".")[0],
        lambda whole: whole.rpartition(".")[0] + ".",
        lambda whole: whole + "A" * 20_000,
        lambda whole: whole.replace("eyJ", "eyK"),
        lambda whole: "pk_" + whole,
        lambda whole: whole.replace(".", ".."),
        lambda whole: f"{whole}, Bearer {whole}",
        lambda whole: whole + "=",
    ],
)
def test_what_has_not_the_form_of_an_identity_is_malformed(web, mira, spoil):
    problem(read(web, spoil(mira.identity)), 401, "credentials_malformed")


def test_two_authorization_headers_are_refused_though_both_are_good(web, mira):
    headers = [("Authorization", f"Bearer {mira.identity}")] * 2
    problem(web.client.get(AUDIT, headers=headers), 401, "credentials_malformed")


def test_nested_claims_beyond_all_measure_are_refused(web, mira):
    """Signed by the issuer, and too deep for the reader."""
    key, depth = web.their_issuer.keys[0], 2_000
    deep = '{"a":' + "[" * depth + "]" * depth + "}"
    identity = jws.serialize_compact({"alg": "ES256", "kid": "first"}, deep, key, algorithms=["ES256"])
    problem(read(web, identity), 401, "identity_invalid")


@pytest.mark.parametrize(("bits", "status"), [(1024, 401), (2048, 200)])
def test_key_that_is_too_short_is_not_believed(web, mira, bits, status):
    key = rsa.generate_private_key(65537, bits)
    publish(web, key, kid="by-hand")
    assert read(web, signed_by_hand(web, key, kid="by-hand")).status_code == status


@pytest.mark.parametrize("said", [{"alg": "PS256"}, {"use": "enc"}])
def test_key_is_used_for_what_it_is_for(web, mira, said):
    key = rsa.generate_private_key(65537, 2048)
    publish(web, key, kid="by-hand", **said)
    problem(read(web, signed_by_hand(web, key, kid="by-hand")), 401, "identity_invalid")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_key_of_the_other_kind_is_as_good(web, mira, algorithm):
    key = RSAKey.generate_key(2048, {"kid": "other"})
    web.their_issuer.keys.append(key)
    identity = web.their_issuer.identity("mira", key=key, header={"alg": algorithm}.items())
    assert read(web, identity).status_code == 200


def test_person_who_leaves_is_refused_with_the_next_request(web, mira):
    assert read(web, mira.identity).status_code == 200
    leave(web.tools.engine, mira)
    problem(read(web, mira.identity), 403, "person_left")


def test_person_who_comes_back_is_the_same_and_may_what_is_said_then(web, mira):
    leave(web.tools.engine, mira)
    again = web.new_person("mira", "support:read")
    assert again.id == mira.id
    problem(read(web, again.identity), 403, "scope_missing")


def test_person_of_another_environment_and_a_stranger_are_unknown(web):
    other = add_person(web.tools.engine, web.their_issuer, "other", "audit:read", environment="production")
    for identity in (other.identity, web.their_issuer.identity("stranger")):
        problem(read(web, identity), 403, "person_unknown")


def test_person_without_the_scope_does_not_come_in(web):
    problem(read(web, web.new_person("noor", "support:read", "grants:approve").identity), 403, "scope_missing")


def test_identity_opens_no_door_of_keys_and_a_key_none_of_people(web, mira):
    problem(web.call("GET", "/v1/accounts/acct-a", auth=mira.identity), 401, "credentials_malformed")
    problem(read(web, web.key), 401, "credentials_malformed")


def test_nothing_of_an_identity_is_logged_or_answered(web, mira, logged):
    secret = "zqxcanary"
    identities = [
        web.their_issuer.identity("mira", name=secret),
        web.their_issuer.identity(secret),
        web.their_issuer.identity("mira", iss=f"https://{secret}.example"),
        web.their_issuer.identity("mira", key=new_key(secret)),
        web.their_issuer.identity("mira", header={"typ": secret}.items()),
        web.their_issuer.identity("mira", amr=[secret]),
    ]
    answers = [told(read(web, identity)) for identity in identities]
    for text in (*answers, logged()):
        assert secret not in text
        assert not any(piece in text for identity in identities for piece in identity.split("."))
        assert "mira" not in text
    assert [answer[:3] for answer in answers] == ["200", "403", "401", "401", "401", "401"]


def test_without_an_issuer_nobody_comes_in_as_a_person(web, mira, bluesnap, clock):
    nobody = Web(tools_over(web.tools.engine, bluesnap, clock), bluesnap)
    problem(read(nobody, mira.identity), 401, "identity_invalid")
