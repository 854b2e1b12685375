"""The developers' issuer: it signs for its made-up people what a verifier believes, for this machine alone, and for no page of another origin."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading

import pytest

from dev.people import PEOPLE
from service.config import ROOT
from service.errors import Code, Refusal
from service.identity.fetching import over_http
from service.identity.issuer import Issuer, Rules, digest_of
from simulator.issuer import signing
from simulator.issuer.server import Server
from simulator.settings import SettingsRefused


@pytest.fixture
def issuer():
    server = Server("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask(issuer):
    """Ask the issuer; answers the status and the text."""

    def asked(method, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", issuer.server_port, timeout=20)
        connection.request(method, path, headers=headers)
        with connection.getresponse() as answer:
            found = answer.status, answer.read().decode()
        connection.close()
        return found

    return asked


@pytest.fixture
def ours(issuer):
    """The service's own verifier."""
    rules = Rules(issuer=issuer.origin, audience="panless", second_factors=("mfa",), leeway=30, oldest=3_600)
    return Issuer(rules, over_http(loopback=True))


@pytest.mark.parametrize("person", signing.PEOPLE)
def test_identity_of_each_made_up_person_is_believed(issuer, ask, ours, person):
    status, identity = ask("POST", f"/identities/{person}")
    assert status == 200
    assert ours.verify(identity.strip()) == digest_of(issuer.origin, person)


def test_identity_without_a_second_factor_is_refused(ask, ours):
    _, identity = ask("POST", "/identities/mira?second_factor=false")
    with pytest.raises(Refusal) as told:
        ours.verify(identity.strip())
    assert told.value.code is Code.SECOND_FACTOR_MISSING


def test_rotation_keeps_old_identities_good_and_makes_new_ones(ask):
    before = ask("POST", "/identities/mira")[1]
    assert ask("POST", "/_levers/rotate") == (200, '{"keys": 2}')
    after = ask("POST", "/identities/mira")[1]
    published = [key["kid"] for key in json.loads(ask("GET", "/keys")[1])["keys"]]
    assert len(set(published)) == 2
    assert before.split(".")[0] != after.split(".")[0]


def test_published_keys_hold_no_private_half(ask):
    for key in json.loads(ask("GET", "/keys")[1])["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_stack_knows_exactly_the_people_that_the_issuer_has():
    assert set(PEOPLE) == set(signing.PEOPLE)
    assert {name for name, scopes in PEOPLE.items() if scopes == ("audit:read",)} == {"otto"}


def test_page_names_everybody_and_signs_by_a_form(ask):
    status, page = ask("GET", "/")
    assert status == 200
    assert all(f'action="/identities/{name}"' in page for name in signing.PEOPLE)


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}])
def test_page_of_another_origin_gets_no_identity(ask, headers):
    assert ask("POST", "/identities/mira", **headers)[0] == 403
    assert ask("GET", "/", **headers)[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/identities/mira"), ("POST", "/identities/eve"), ("POST", "/identities/"), ("GET", "/x"), ("POST", "/")],
)
def test_nobody_else_is_signed_for_and_nothing_by_a_mere_link(ask, method, path):
    assert ask(method, path)[0] == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "issuer.example", ""])
def test_issuer_that_others_could_reach_does_not_start(host):
    with pytest.raises(SettingsRefused):
        Server(host, 0)
    with run(SIMULATOR_ISSUER_HOST=host) as started:
        assert "loopback" in started.communicate(timeout=60)[1]
    assert started.returncode == 2


def run(**environment):
    return subprocess.Popen(
        [sys.executable, "-m", "simulator.issuer"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SIMULATOR_ISSUER_PORT": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_issuer_says_where_it_is_and_ends_when_told_to():
    with run() as started:
        assert "http://127.0.0.1:" in started.stdout.readline()
        assert started.stdout.readline() == "ready\n"
        started.send_signal(signal.SIGTERM)
    assert started.returncode == 0


def test_port_that_is_none_is_refused():
    with run(SIMULATOR_ISSUER_PORT="70000") as started:
        assert "SIMULATOR_ISSUER_PORT holds no port" in started.communicate(timeout=60)[1]
    assert started.returncode == 2
