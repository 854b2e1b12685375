"""The self-test of the search: green on what works, red on each way in which a sink or the search can be blind, and honest about what is not recognised."""

from __future__ import annotations

import base64
import hashlib
import lzma
import zlib
from dataclasses import dataclass, field

import pytest

from service.evidence import scanner, selftest
from service.evidence.canaries import NUMBERS, Canary
from service.evidence.pieces import Hit, Piece, SinkError
from service.evidence.scanner import Scanner
from service.evidence.writings import ANYWHERE, IN_BINARY, IN_TEXT, NAMES, UNRECOGNISED

pytestmark = pytest.mark.leaks


@dataclass
class _Sink:
    """A sink that works. Others break one thing of it."""

    id: str = "S07"
    name: str = "a list"
    held: list = field(default_factory=list)
    start: int = 0

    def mark(self):
        self.start = len(self.held)

    def plant(self, value):
        self.held.append(value)

    def read(self):
        yield from (Piece("list", value, 1) for value in self.held[self.start :])


class _Forgetful(_Sink):
    def plant(self, value):
        pass


class _Cut(_Sink):
    def plant(self, value):
        self.held.append(value.split()[0])


class _Unplantable(_Sink):
    def plant(self, value):
        raise SinkError("there is no way in")


class _Unreadable(_Sink):
    def read(self):
        yield Piece("list", b"", 1)
        raise SinkError("the file is not ours")


class _Unmarkable(_Sink):
    def mark(self):
        raise SinkError("nobody answers")


class _Nameless(_Sink):
    def read(self):
        yield from (Piece("", value, 1) for value in self.held)


class _Late(_Sink):
    """Shows what it holds when it has settled."""

    settled = False

    def settle(self):
        self.settled = True

    def read(self):
        yield from super().read() if self.settled else ()


@pytest.fixture
def two_numbers(monkeypatch):
    """What takes long with twelve numbers shows with two."""
    monkeypatch.setattr(selftest, "NUMBERS", NUMBERS[:2])


def test_every_way_of_writing_is_found():
    assert selftest.check_forms() == []


@pytest.mark.parametrize("name", ["base64", "plain", "PostgreSQL's numeric", "groups, percent-encoded"])
@pytest.mark.usefixtures("two_numbers")
def test_a_way_of_writing_that_is_not_found_is_named(monkeypatch, name):
    table = next(one for one in (ANYWHERE, IN_TEXT, IN_BINARY) if name in one)
    monkeypatch.setitem(table, name, lambda number: hashlib.sha256(number.encode()).digest())
    assert [failure.sink_or_form for failure in selftest.check_forms()] == [name]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda hit: Hit("another", *_rest(hit)), "another number"),
        (lambda hit: Hit(hit.case, hit.sink, hit.place, hit.line, 0, hit.form, ""), "in its place"),
        (lambda hit: Hit(hit.case, hit.sink, hit.place, 99, hit.offset, hit.form, ""), "in its place"),
        (lambda hit: Hit(*_rest(hit, case=True)[:-1], "4012"), "was shown"),
    ],
)
@pytest.mark.usefixtures("two_numbers")
def test_hits_that_tell_wrongly_or_too_much_are_failures(monkeypatch, changed, why):
    search = Scanner.search
    monkeypatch.setattr(Scanner, "search", lambda self, *given: [changed(hit) for hit in search(self, *given)])
    failures = selftest.check_forms()
    assert len(failures) > 50
    assert all(why in failure.why for failure in failures)


def _rest(hit, *, case=False):
    return ((hit.case,) if case else ()) + (hit.sink, hit.place, hit.line, hit.offset, hit.form, hit.context)


@pytest.mark.usefixtures("two_numbers")
def test_names_of_card_data_that_are_not_found_are_failures(monkeypatch):
    monkeypatch.setattr(selftest, "named_fields", lambda *_: [])
    assert [failure.sink_or_form for failure in selftest.check_forms()] == list(NAMES)


@pytest.mark.usefixtures("two_numbers")
def test_no_failure_holds_a_number(monkeypatch):
    monkeypatch.setattr(scanner, "finds_in", lambda *_, **__: ())
    failures = selftest.check_forms()
    assert len(failures) == len({*ANYWHERE, *IN_TEXT, *IN_BINARY})
    assert not [one for one in failures if any(number in repr(one) for number in NUMBERS)]


def test_sinks_that_show_what_is_planted_pass():
    assert selftest.check_sinks([_Sink(f"S{number:02}") for number in range(1, 31)]) == []


@pytest.mark.parametrize(
    ("sink", "whys"),
    [
        (_Forgetful(), ["the planted number was not found", "the planted word was not found"]),
        (_Cut(), ["the planted number was not found"]),
        (_Unplantable(), ["cannot be planted: there is no way in"]),
        (_Unreadable(), ["cannot be read: the file is not ours"]),
        (_Unmarkable(), ["cannot be marked: nobody answers"]),
        (
            _Nameless(),
            ["the planted number was found without its place", "the planted word was found without its place"],
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_blind_sink_is_a_failure_with_its_reason(sink, whys):
    assert selftest.check_sinks([_Sink("S01"), sink, _Sink("S30")]) == [selftest.Failure("S07", why) for why in whys]


def test_a_sink_that_forgets_is_not_saved_by_an_earlier_plant():
    sink = _Sink()
    assert selftest.check_sinks([sink]) == []
    sink.plant = lambda value: None
    assert len(selftest.check_sinks([sink])) == 2


def test_a_declared_reason_excuses_what_cannot_be_planted_and_nothing_else():
    declared = {"S07": "there is no way in"}
    assert selftest.check_sinks([_Unplantable()], declared=declared) == []
    assert selftest.check_sinks([_Unplantable("S08")], declared=declared) != []
    assert selftest.check_sinks([_Forgetful()], declared=declared) != []


@pytest.mark.usefixtures("two_numbers")
def test_the_whole_self_test_settles_before_it_reads():
    sink = _Late()
    assert selftest.run(sink, [sink]) == selftest.Tested()
    assert selftest.check_sinks([_Late()]) != []


@pytest.mark.usefixtures("two_numbers")
def test_the_whole_self_test_tells_each_sink_once():
    found = selftest.run(_Late(), [_Forgetful("S01"), _Unreadable("S02")])
    assert found.sinks == {
        "S01": "the planted number was not found; the planted word was not found",
        "S02": "cannot be read: the file is not ours",
    }


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("encryption and hashes", lambda number: hashlib.sha256(number.encode()).hexdigest().encode()),
        ("other compression", lambda number: zlib.compress(number.encode(), wbits=-15)),
        ("other compression", lambda number: lzma.compress(number.encode())),
        ("other encodings", lambda number: base64.b85encode(number.encode())),
        ("other encodings", lambda number: base64.b64encode(base64.b64encode(number.encode()))),
        ("other encodings", lambda number: number.encode("cp037")),
        ("letters and words", lambda number: number.translate(str.maketrans("0123456789", "abcdefghij")).encode()),
        (
            "digits among other digits",
            lambda number: "".join(f"{digit}{turn % 10}" for turn, digit in enumerate(number)).encode(),
        ),
        ("fewer digits", lambda number: f"{number[:6]}xxxxxx{number[-4:]}"[:6].encode()),
        ("fewer digits", lambda number: f"a{number[:11]}".encode()),
        (
            "parts far apart",
            lambda number: (b"." * 600_000).join([number[:5].encode(), number[5:10].encode(), number[10:].encode()]),
        ),
        ("changed numbers", lambda number: str(int(number) * 3).encode()),
        ("backwards in another form", lambda number: number[::-1].encode().hex().encode()),
    ],
)
def test_what_is_said_not_to_be_recognised_is_not(name, write):
    assert UNRECOGNISED[name]
    search = Scanner(Canary(number, number) for number in NUMBERS[:1])
    data = b'"' + write(NUMBERS[0]) + b'"'
    assert search.search("S07", [Piece("list", data, 1), Piece("list", data, 1, binary=True)]) == []
