"""What was sent is found in what stores make of it, in the place where it is and by whom it was sent; honest material is not taken for it; no hit tells it."""

from __future__ import annotations

import base64
import gzip
import json
import random
import uuid
from itertools import pairwise
from urllib.parse import quote

import pytest

from service.evidence import unpacking
from service.evidence.canaries import NUMBERS, Canary, marker
from service.evidence.naming import named_fields, short_values
from service.evidence.pieces import Piece, SinkError
from service.evidence.scanner import Scanner
from tests.support.disguises import FORMS, KINDS, PIECES

pytestmark = pytest.mark.leaks

NUMBER = NUMBERS[0]
WORD = "qzxwvtsrpnmlkhgfdcbq"


def _search(data, *canaries, binary=False):
    given = canaries or [Canary("L001", NUMBER)]
    return Scanner(given).search("S07", [Piece("service.log", data, 1, binary)])


def _sent(form, text):
    made = json.dumps(PIECES[form](text)) if form in PIECES else FORMS[form](text)
    return made if isinstance(made, bytes) else made.encode()


def _copied(data):
    text = data.decode("latin-1").replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
    return text.encode("latin-1")


def _json(data):
    return json.dumps({"value": data.decode("utf-8", "surrogateescape")}).encode()


STORES = {
    "as it is": bytes,
    "JSON": _json,
    "JSON in JSON": lambda data: _json(_json(data)),
    "percent-encoded": lambda data: quote(data, safe="").encode(),
    "PostgreSQL's text": _copied,
    "PostgreSQL's bytes": lambda data: b"\\x" + data.hex().encode(),
}
#: Broken UTF-8 is escaped as lone halves of a pair, which nobody has a right to write; who does, writes something that was never sent.
NO_TEXT = {("X30", "JSON"), ("X30", "JSON in JSON")}


@pytest.mark.parametrize("form", [*FORMS, *PIECES])
def test_every_form_is_found_as_sent_in_every_store(form):
    missed = []
    for kind in ("D01", "D03"):
        sent = _sent(form, KINDS[kind])
        scanner = Scanner([Canary("L001", KINDS[kind], sent=sent), Canary("L002", "36227206271667")])
        for (store, keep), binary in [(one, binary) for one in STORES.items() for binary in (False, True)]:
            if (form, store) in NO_TEXT:
                continue
            hits = scanner.search("S01", [Piece("row", b'{"x": "' + keep(sent) + b'"}\n', 1, binary)])
            if {hit.case for hit in hits} != {"L001"}:
                missed.append((kind, store, binary))
    assert missed == []


@pytest.mark.parametrize("number", [*NUMBERS, *KINDS.values()][:22])
def test_poor_numbers_are_found_too(number):
    digits = "".join(sign for sign in number if sign.isdigit())[:16]
    for data in (f"a {digits} b", f"a {digits[:6]}-{digits[6:]} b", f"id={digits.encode().hex()}"):
        assert [hit.case for hit in _search(data.encode(), Canary("L001", digits))] == ["L001"]


@pytest.mark.parametrize("start", range(len(NUMBER) - 7))
def test_any_eight_telling_digits_that_stand_alone_are_a_find(start):
    part = NUMBER[start : start + 8]
    telling = len(set(part)) > 2 or sum(one != other for one, other in pairwise(part)) > 2
    for around in ("ref {}.", "\\n{}", '"{}"', "{}"):
        assert len(_search(around.format(part).encode())) == telling
        assert len(_search(around.format(part).encode(), binary=True)) == telling
    assert len(_search(f"ref {part} x".encode("utf-16-le"))) == telling


@pytest.mark.parametrize(
    "around",
    [
        "a{}",
        "{}f",
        "0.{}",
        "1795377056.{}",
        "{}-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
        "aaaaaaaa-aaaa-4aaa-8aaa-0123{}",
        "17{}953",
    ],
)
def test_eight_digits_of_an_honest_value_are_no_find(around):
    assert _search(f'{{"id": "{around.format(NUMBER[:8])}"}}'.encode()) == []


@pytest.mark.parametrize("around", ["a{}", "{}f", "0.{}", "17{}953", "{}7777", "x{}-aaaa-4aaa"])
def test_twelve_digits_are_a_find_wherever_they_stand(around):
    assert [hit.form for hit in _search(around.format(NUMBER[:12]).encode())] == ["number, in part"]


def test_digits_of_one_number_over_several_lines_are_found():
    rows = b"".join(b"part %d\n" % int(NUMBER[start : start + 4]) for start in range(0, 16, 4))
    assert [(hit.form, hit.line) for hit in _search(rows)] == [("digits with others between", 1)]


def test_place_line_and_offset_of_a_find_are_told():
    data = b"first\nsecond\nthird " + NUMBER.encode() + b"\n"
    (hit,) = Scanner([Canary("L001", NUMBER)]).search("S04", [Piece("postgres.log", data, 11)])
    assert (hit.case, hit.sink, hit.place, hit.line, hit.offset) == ("L001", "S04", "postgres.log", 13, 19)


def test_a_piece_without_lines_gives_hits_without_lines():
    (hit,) = Scanner([Canary("L001", NUMBER)]).search("S02", [Piece("base/1/2", b"\n" + NUMBER.encode())])
    assert hit.line is None


@pytest.mark.parametrize(
    "data", [f"card {NUMBER} of {WORD.upper()} 12:30", f"{WORD[3:]} {NUMBER}", f"٤٠ {NUMBER} x\0y\n"]
)
def test_no_hit_holds_a_digit_or_what_was_searched_for(data):
    hits = _search(data.encode(), Canary("L001", NUMBER), Canary("L002", WORD, word=True))
    assert hits
    for hit in hits:
        assert not any(sign.isdigit() for sign in hit.context)
        assert WORD[4:12] not in hit.context.lower()
        assert hit.context.isprintable()


def test_what_stands_around_a_find_is_shown():
    (hit,) = _search(b'{"event": "request", "account": "' + NUMBER.encode() + b'", "ms": 12}')
    assert hit.context == 'quest", "account": "***", "ms": ##}'


def test_two_finds_in_one_line_are_two_hits():
    assert [hit.offset for hit in _search(f"{NUMBER}; {NUMBER}".encode())] == [0, 18]


def test_a_find_in_overlapping_chunks_is_told_once():
    data = b"x" * 5000 + NUMBER.encode() + b"y" * 5000
    chunks = [Piece("wal/1", data[:5010], binary=True), Piece("wal/1+4096", data[4096:], binary=True)]
    (hit,) = Scanner([Canary("L001", NUMBER)]).search("S03", chunks)
    assert (hit.place, hit.offset) == ("wal/1", 5000)


def test_finds_at_one_offset_of_different_pieces_are_told_each():
    pieces = [Piece("answer", b"a " + NUMBER.encode()), Piece("answer", b"b " + NUMBER.encode())]
    assert len(Scanner([Canary("L001", NUMBER)]).search("S11", pieces)) == 2


@pytest.mark.parametrize("shift", range(-18, 3))
def test_a_find_across_the_seam_of_two_parts_is_found_once(shift):
    from service.evidence.haystack import BLOCK

    start = BLOCK + shift
    data = bytes(start) + NUMBER.encode() + bytes(9000)
    assert [hit.offset for hit in _search(data, binary=True)] == [start]


def test_cases_that_sent_the_same_number_are_all_told():
    hits = _search(NUMBER.encode(), Canary("L001", NUMBER), Canary("L002", NUMBER))
    assert [hit.case for hit in hits] == ["L001", "L002"]


@pytest.mark.parametrize("sent", ["D01", "D18"])
def test_of_two_like_numbers_the_one_that_is_there_is_told(sent):
    canaries = [Canary(kind, KINDS[kind]) for kind in ("D01", "D18")]
    for data in (KINDS[sent], KINDS[sent].encode().hex(), base64.b64encode(b"xy" + KINDS[sent].encode()).decode()):
        assert [hit.case for hit in _search(data.encode(), *canaries)] == [sent]


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("as it stands", WORD.encode()),
        ("as it stands", WORD.upper().encode()),
        ("as it stands, in part", WORD[:17].encode()),
        ("as it stands", WORD.encode("utf-16-le")),
        ("hexadecimal", WORD.encode().hex().encode()),
        ("hexadecimal", "".join(f"%{ord(sign):X}" for sign in WORD).encode()),
        ("base64", base64.b64encode(WORD.encode())),
        ("base64", base64.b64encode(b"1" + WORD.encode())),
        ("base64", base64.urlsafe_b64encode(b"12" + WORD.encode())),
        ("backwards", WORD[::-1].encode()),
        ("base64 of UTF-16", base64.b64encode(WORD.encode("utf-16-le"))),
        ("compressed: as it stands", gzip.compress(WORD.encode(), mtime=0)),
    ],
)
def test_a_word_is_found_in_its_forms(form, data):
    hits = _search(b"<" + data + b">", Canary("L001", WORD, word=True))
    assert [hit.form.replace("percent-encoded", "hexadecimal") for hit in hits] == [form]


@pytest.mark.parametrize("word", ["Ines", "Jane Doe", "Żółć", "Дмитрий", "key_bbvfln", "12345678901234", "a-b-c-d-e-f"])
def test_short_and_foreign_words_are_found(word):
    for data in (word.encode(), json.dumps(word).encode(), quote(word).encode()):
        assert [hit.case for hit in _search(b'x="' + data + b'"', Canary("L001", word, word=True))] == ["L001"]
    assert _search(b'x="nobody"', Canary("L001", word, word=True)) == []


@pytest.mark.parametrize(
    "canary", [Canary("L001", "4012-8888"), Canary("L001", "40128888"), Canary("L001", "737", word=True)]
)
def test_what_cannot_be_searched_for_is_no_canary(canary):
    with pytest.raises(ValueError, match="L001"):
        Scanner([canary])


def test_logs_that_are_compressed_are_searched_line_by_line():
    lines = b"".join(b"line %d of a quiet log\n" % number for number in range(100_000)) + NUMBER.encode() + b"\n"
    (hit,) = _search(b"rest of a file" + gzip.compress(lines) + b"another", binary=True)
    assert (hit.form, hit.offset) == ("compressed: number", 14)


def test_compressed_data_without_end_are_no_clean_sink(monkeypatch):
    monkeypatch.setattr(unpacking, "MOST", 4 * 1024 * 1024)
    with pytest.raises(SinkError, match="compressed"):
        _search(gzip.compress(bytes(8 * 1024 * 1024)))


def test_a_binary_table_of_small_numbers_is_no_find():
    table = b"".join(b"\x01\x00" + bytes([sign]) + b"\x00\x05\x07" for sign in b"5555555555554444") * 3
    assert _search(table, Canary("L001", "5555555555554444"), binary=True) == []
    assert _search(b"5555 5555 5555 4444", Canary("L001", "5555555555554444"), binary=True) != []


def _ordinary(megabytes):
    """What our stores are full of: hashes, ids, moments, tokens, amounts, digits of clocks and counters; and random bytes for the rest."""
    chance = random.Random("ordinary")
    rows = []
    for turn in range(20_000):
        moment = 1_750_000_000_000 + chance.randrange(10**11)
        escaped = f'"bytes": "\\\\x{chance.randbytes(37).hex()}", "query": "a=1&b=%20{chance.randrange(999)}", '
        rows.append(
            f'{{"time": "2026-11-22T20:{chance.randrange(60):02}:{chance.randrange(60):02}.{moment % 1000:03}Z", '
            f'"id": "sub_{marker(chance)}", "uuid": "{uuid.UUID(int=chance.getrandbits(128), version=4)}", '
            f'"hash": "{chance.randbytes(48).hex()}", "token": "{base64.urlsafe_b64encode(chance.randbytes(33)).decode()}", '
            f'"at": {moment}, "ns": {moment}{chance.randrange(10**6):06}, "seconds": {chance.random()}, '
            f'"amount": "{chance.randrange(10**7) / 100:.2f}", {"" if turn % 5 else escaped}"shopper": {chance.randrange(10**7, 10**8)}}}\n'
        )
    text = "".join(rows).encode()
    return text, chance.randbytes(megabytes * 1_000_000 - len(text))


def test_twenty_megabytes_of_ordinary_material_hold_no_find():
    text, noise = _ordinary(20)
    canaries = [Canary(number, number, sent=_sent("X06", number)) for number in NUMBERS]
    canaries += [Canary(f"W{turn}", marker(random.Random(f"word {turn}")), word=True) for turn in range(18)]
    scanner = Scanner(canaries)
    assert len(text) > 8_000_000
    assert scanner.search("S07", [Piece("text", text, 1), Piece("noise", noise, None, binary=True)]) == []


HOSTILE = {
    "eights": b"8",
    "almost a part": b"40128888888x",
    "zeros": b"0",
    "percent signs": b"%34%",
    "backslashes": b"\\",
    "entities": b"&#",
    "gzip headers": b"\x1f\x8b\x08",
    "open gzip headers": b"\x1f\x8b\x08\x1f",
    "zlib headers": b"x\x9c",
    "gzip in base64": b"H4sI ",
    "gzip in hexadecimal": b"1f8b08",
    "other digits": "\u0664".encode(),
    "quotes": b'"a":',
    "the number": NUMBER.encode() + b" ",
}


@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_material_made_to_be_slow_is_searched_to_its_end(shape):
    unit = HOSTILE[shape]
    hits = _search(unit * (65_536 // len(unit)) + b"; " + NUMBER.encode())
    assert hits[-1].form in {"number", "number, with escapes undone"}


@pytest.mark.parametrize(
    "data",
    [
        b'{"cvv": "737"}',
        b'{\\"securityCode\\": 737}',
        b"{'card_number': None}",
        b"plan=team&expirationYear=2030",
        b"<card-number>x</card-number>",
        b"CVC2: 737",
        b"COPY public.cards (id, pan, name) FROM stdin;",
        b"CREATE TABLE cards (\n    credit_card text\n);",
        b"POST /pay?creditCard[number]=x HTTP/1.1",
    ],
)
def test_names_of_card_data_in_structures_are_found(data):
    (hit,) = named_fields("S01", Piece("row", b"one line\n" + data, 1))
    assert (hit.sink, hit.place) == ("S01", "row")
    assert hit.line in {2, 3}


@pytest.mark.parametrize(
    "data",
    [
        b"the security code was refused, cvv wrong",
        b'{"company": "Pan and Cid", "plan": "team"}',
        b"cvv",
        b'{"expires_at": 1}',
    ],
)
def test_prose_and_honest_names_are_no_names_of_card_data(data):
    assert named_fields("S07", Piece("log", data, 1)) == []


def test_a_column_with_the_name_of_card_data_is_found_by_its_place():
    (hit,) = named_fields("S01", Piece("public.orders.card_number", b"1\n2"))
    assert (hit.place, hit.context) == ("public.orders.card_number", "card_number")


def test_names_that_may_stand_there_are_passed_over():
    piece = Piece("answer", b'{"creditCard": {"cvv": 1}}', 1)
    assert [hit.offset for hit in named_fields("S11", piece, frozenset({"creditcard"}))] == [17]


def test_the_name_of_a_field_is_shown_without_digits():
    (hit,) = named_fields("S11", Piece("answer", b'{"cvv 4012888888881881": 1}', 1))
    assert hit.context == "cvv ################"


@pytest.mark.parametrize(
    ("value", "data", "places"),
    [
        ("737", b"cvv=737&x=1", [4]),
        ("737", b"7370 1737 0.737 737.5", []),
        ("737", b"it was 737.", [7]),
        ("03/2030", b'{"exp": "03\\/2030"} 03%2F2030 03-2030 03/2031', [9, 20, 30]),
    ],
)
def test_short_values_are_found_between_signs_that_are_no_digits(value, data, places):
    assert short_values(value, data) == places


def test_a_short_value_without_digits_is_none():
    with pytest.raises(ValueError, match="digits"):
        short_values("cvv", b"cvv")
