"""The issuer's keys: asked for when they are needed, kept for minutes, renewed without a refused request, and never asked for too often."""

from __future__ import annotations

import threading

import pytest

from service.errors import Code, Refusal
from service.identity.fetching import UnfetchedError
from service.identity.keys import ASKED_EVERY, DISCOVERY, FRESH, OLDEST, TRIED_EVERY, IssuerKeys, UnavailableError
from tests.support.people import TheirIssuer, new_key


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def theirs():
    return TheirIssuer()


@pytest.fixture
def keys(theirs, clock):
    return IssuerKeys(theirs.url, theirs.fetch, clock)


def questions(theirs):
    return theirs.asked.count(theirs.url + DISCOVERY)


def test_keys_are_fetched_once_for_many(keys, theirs):
    assert [keys.find("first").kid for _ in range(9)] == ["first"] * 9
    assert theirs.asked == [theirs.url + DISCOVERY, theirs.url + "/keys"]


def test_new_key_is_found_with_its_first_use(keys, theirs, clock):
    assert keys.find("first")
    theirs.rotate("second")
    assert keys.find("second").kid == "second"
    assert keys.find("first").kid == "first", "the old one is still published"


def test_key_that_is_published_beforehand_is_known_when_it_is_used(keys, theirs, clock):
    keys.find("first")
    theirs.rotate("second")
    clock.now += FRESH + 1
    keys.find("first")
    theirs.away = True
    assert keys.find("second")


def test_key_that_is_published_no_more_is_believed_for_minutes_only(keys, theirs, clock):
    keys.find("first")
    theirs.keys = [new_key("second")]
    clock.now += FRESH + 1
    assert keys.find("first") is None


def test_unknown_names_make_one_question_a_minute(keys, theirs, clock):
    keys.find("first")
    for turn in range(200):
        clock.now += 1
        assert keys.find(f"made-up-{turn}") is None
    assert questions(theirs) == 1 + 1 + 200 // int(ASKED_EVERY)


def test_issuer_that_is_away_is_no_proof_against_a_key(keys, theirs, clock):
    keys.find("first")
    theirs.away = True
    clock.now += ASKED_EVERY
    for _ in range(2):
        with pytest.raises(UnavailableError):
            keys.find("second")


def test_known_keys_hold_for_an_hour_without_the_issuer(keys, theirs, clock):
    keys.find("first")
    theirs.away = True
    clock.now += OLDEST - 1
    assert keys.find("first")
    clock.now += 2
    with pytest.raises(UnavailableError):
        keys.find("first")


def test_issuer_that_is_away_from_the_start_is_asked_every_few_seconds(keys, theirs, clock):
    theirs.away = True
    for _ in range(int(TRIED_EVERY) * 4):
        with pytest.raises(UnavailableError):
            keys.find("first")
        clock.now += 1
    assert questions(theirs) == 4
    theirs.away = False
    clock.now += TRIED_EVERY
    assert keys.find("first")


def test_while_one_asks_the_others_go_on_with_what_is_known(theirs, clock):
    asked, answer = threading.Event(), threading.Event()

    def slow(url):
        if len(theirs.asked) > 1:
            asked.set()
            assert answer.wait(20)
        return theirs.fetch(url)

    keys = IssuerKeys(theirs.url, slow, clock)
    keys.find("first")
    clock.now += FRESH + 1
    other = threading.Thread(target=keys.find, args=("first",))
    other.start()
    assert asked.wait(20)
    assert keys.find("first")
    answer.set()
    other.join(20)
    assert questions(theirs) == 2


@pytest.mark.parametrize(
    "answers",
    [
        [{}],
        [{"issuer": "https://issuer.example/others", "jwks_uri": "https://issuer.example/keys"}],
        [{"issuer": TheirIssuer.url}],
        [{"issuer": TheirIssuer.url, "jwks_uri": 7}],
        [{"issuer": TheirIssuer.url, "jwks_uri": "https://issuer.example/keys"}, {}],
        [{"issuer": TheirIssuer.url, "jwks_uri": "https://issuer.example/keys"}, {"keys": {}}],
        [{"issuer": TheirIssuer.url, "jwks_uri": "https://issuer.example/keys"}, {"keys": [{"kty": "RSA", "kid": "first"}] * 101}],
        [{"issuer": TheirIssuer.url, "jwks_uri": "https://issuer.example/keys"}, {"keys": [{"kty": "EC", "kid": "first"}]}],
        [{"issuer": TheirIssuer.url, "jwks_uri": "https://issuer.example/keys"}, {"keys": [{"kty": "RSA", "kid": "first", "n": 7}]}],
    ],
)  # fmt: skip
def test_what_is_not_understood_is_as_if_nobody_had_answered(clock, answers):
    left = list(answers)
    keys = IssuerKeys(TheirIssuer.url, lambda url: left.pop(0), clock)
    with pytest.raises(UnavailableError):
        keys.find("first")


def test_keys_of_other_kinds_are_passed_over(keys, theirs):
    theirs.published = [
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {"kty": "AKP", "kid": "later"},
        {"kty": ["RSA"], "kid": "odd"},
        "no key",
        None,
        {"kid": "nothing"},
        {**new_key("sealing").as_dict(private=False), "use": "enc"},
        {**new_key("nameless").as_dict(private=False), "kid": None},
    ]
    assert keys.find("first")
    assert [keys.find(name) for name in ("shared", "later", "odd", "nothing", "sealing")] == [None] * 5


def test_rotation_refuses_nobody_who_has_signed_in_before_or_after(theirs):
    """The issuer publishes the next key, signs with it later, and takes the last one away at the end."""
    ours = theirs.ours()
    ours._keys._clock = clock = Clock()
    before = theirs.identity("mira")
    who = ours.verify(before)
    for turn in range(5):
        last = theirs.keys[-1]
        theirs.keys.insert(0, new_key(f"next-{turn}"))
        clock.now += FRESH + 1
        assert ours.verify(theirs.identity("mira")) == who, "the next key is there, and not used yet"
        theirs.keys.append(theirs.keys.pop(0))
        assert ours.verify(theirs.identity("mira")) == ours.verify(before) == who
        theirs.keys.remove(last)
        before = theirs.identity("mira")


def test_issuer_away_is_told_from_a_bad_identity(theirs):
    theirs.away = True
    with pytest.raises(Refusal) as told:
        theirs.ours().verify(theirs.identity("mira"))
    assert (told.value.code, told.value.retry_after) == (Code.IDENTITY_UNAVAILABLE, 5)


def test_failure_leaves_a_line_that_says_nothing_of_what_was_fetched(clock, logged):
    def odd(_url):
        raise UnfetchedError

    with pytest.raises(UnavailableError):
        IssuerKeys("https://zqxcanary.example", odd, clock).find("zqxcanary")
    assert "identity.keys_unavailable" in logged()
    assert "zqxcanary" not in logged()
