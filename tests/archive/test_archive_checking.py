"""Whoever changes the archived lines is found, and where: each kind of tampering, one at a time, on a chain that was green before."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from service.archive import checking, logs, pruning, sealing
from service.audit.signing import Signer, text_of
from service.cardguard.detect import holds_card
from service.telemetry.logs import FIXED
from tests.archive.archive_host import BEGIN
from tests.support.cards import VISA


@pytest.fixture
def chain(host):
    """Five manifests of a segment each, over three days, in one file."""
    for day in range(5):
        host.write(*range(day * 10, day * 10 + 5))
        host.ship()
        host.now += timedelta(hours=12)
    assert host.found() == []
    return host


def file_of(chain):
    (file,) = chain.folder.glob("*.log")
    return file.stem


def offset_of(piece):
    return int(piece.name.split(".")[2].split("-")[0])


def write(piece, data):
    piece.write_bytes(data)


def test_a_chain_that_nobody_touched_is_whole(chain):
    done = chain.check()
    assert (done.findings, done.manifests, done.segments, done.lines) == ([], 5, 5, 25)
    assert done.head == (5, logs.sha256(chain.pieces(".json")[-1].read_bytes()))


def test_segment_whose_lines_were_edited_is_named(chain):
    piece = chain.pieces(".gz")[2]
    write(piece, logs.packed(logs.unpacked(piece.read_bytes()).replace(b'"attempt": 21', b'"attempt": 29')))
    assert chain.found() == [("segment_edited", file_of(chain), offset_of(piece))]


def test_segment_with_one_bit_turned_is_named(chain):
    piece = chain.pieces(".gz")[1]
    data = bytearray(piece.read_bytes())
    data[-9] ^= 1
    write(piece, bytes(data))
    assert chain.found() == [("segment_edited", file_of(chain), offset_of(piece))]


def test_segment_that_was_removed_is_named(chain):
    piece = chain.pieces(".gz")[3]
    offset = offset_of(piece)
    piece.unlink()
    assert chain.found() == [("segment_missing", file_of(chain), offset)]


def edited(piece, **changes):
    told = json.loads(piece.read_bytes())
    write(piece, logs.written({**told, **changes}))


def test_manifest_that_was_edited_breaks_the_chain_at_the_next(chain):
    edited(chain.pieces(".json")[1], at="2026-11-20T00:00:00.000Z")
    assert chain.found() == [
        ("manifest_forged", None, None),
        ("chain_broken", file_of(chain), offset_of(chain.pieces(".gz")[2])),
    ]


def test_manifest_edited_together_with_its_segment_breaks_the_chain(chain):
    piece, manifest = chain.pieces(".gz")[1], chain.pieces(".json")[1]
    write(piece, logs.packed(logs.unpacked(piece.read_bytes()).replace(b'"attempt": 11', b'"attempt": 19')))
    told = json.loads(manifest.read_bytes())
    edited(manifest, segments=[{**told["segments"][0], "sha256": logs.sha256(piece.read_bytes())}])
    assert [what for what, *_ in chain.found()] == ["manifest_forged", "chain_broken"]


def test_manifest_that_no_longer_reads_is_named(chain):
    piece = chain.pieces(".json")[2]
    write(piece, b"{}\n")
    found = chain.check().findings
    assert found[0].what == "manifest_damaged"
    assert found[0].piece.endswith(piece.name)


def test_manifest_that_was_removed_is_missing_and_its_lines_a_gap(chain):
    piece = chain.pieces(".json")[2]
    piece.unlink()
    found = chain.check().findings
    assert [one.what for one in found] == ["manifest_missing", "gap", "segment_unlisted"]
    assert found[0].piece.endswith(piece.name)
    assert {one.offset for one in found[1:]} == {offset_of(chain.pieces(".gz")[2])}


def test_manifest_removed_with_its_segment_is_missing(chain):
    piece, segment = chain.pieces(".json")[2], chain.pieces(".gz")[2]
    offset = offset_of(segment)
    piece.unlink()
    segment.unlink()
    assert [one[0] for one in chain.found()] == ["manifest_missing", "gap"]
    assert chain.found()[1][2] == offset


def test_manifests_that_changed_places_are_named(chain):
    one, other = chain.pieces(".json")[1:3]
    first, second = one.read_bytes(), other.read_bytes()
    write(one, second)
    write(other, first)
    found = chain.check().findings
    assert {"manifest_misplaced", "chain_broken", "overlap"} <= {finding.what for finding in found}
    assert any(finding.piece.endswith(one.name) for finding in found)


def test_segment_that_was_planted_is_named(chain):
    offset = offset_of(chain.pieces(".gz")[2])
    planted = logs.Segment("2026-11-21", 3, file_of(chain), offset + 7, offset + 12)
    chain.real.put_once(planted.name(chain.id), logs.packed(b"line\n"))
    assert chain.found() == [("segment_unlisted", file_of(chain), offset + 7)]


def test_beginning_that_was_cut_off_is_missing(chain):
    chain.pieces(".json")[0].unlink()
    chain.pieces(".gz")[0].unlink()
    assert chain.found()[0][0] == "manifest_missing"


def test_tail_that_was_cut_off_comes_back_from_the_host(chain):
    for piece in (chain.pieces(".json")[-1], chain.pieces(".gz")[-1]):
        piece.unlink()
    chain.start()
    chain.ship()
    assert (chain.found(), len(chain.archived())) == ([], 25)


def test_tail_cut_off_while_the_host_goes_on_is_missing(chain):
    for piece in (chain.pieces(".json")[-1], chain.pieces(".gz")[-1]):
        piece.unlink()
    chain.write(99)
    chain.ship()
    assert chain.found()[0][0] == "manifest_missing"


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b'{"event": "a.b", "level": "info", "time": "2026-11-20T12:00:00.000Z", "card": "x"}',
        b'{"event": "a.b", "level": "info", "time": "2026-11-20T12:00:00.000Z", "account": "' + VISA.encode() + b'"}',
        b'{"event": "a.b", "level": "info"}',
        b'{"event": "a.b", "level": "loud", "time": "2026-11-20T12:00:00.000Z"}',
        b'{"event": "a.b", "level": "info", "time": "today"}',
        b"[]",
    ],
)
def test_line_that_is_not_ours_is_found_in_its_place(host, line):
    host.write(1)
    (file,) = host.folder.glob("*.log")
    size = file.stat().st_size
    with file.open("ab") as stream:
        stream.write(line + b"\n")
    host.ship()
    assert host.found() == [("line_foreign", file.stem, size)]


def test_withheld_record_and_field_are_lines_of_ours():
    assert checking.is_ours(FIXED.encode())
    assert checking.is_ours(b'{"time": "2026-11-20T12:00:00.000Z", "level": "info", "event": "a.b", "account": "~"}')


def test_from_a_day_on_only_what_was_archived_since_is_read(chain):
    since = chain.now.date() - timedelta(days=1)
    edited(chain.pieces(".json")[0], at="2026-11-20T00:00:00.000Z")
    done = chain.check(since)
    assert (done.findings, done.manifests < 5) == ([], True)
    edited(chain.pieces(".json")[-2], at="2026-11-20T00:00:00.000Z")
    assert [one.what for one in chain.check(since).findings] == ["manifest_forged", "chain_broken"]


def test_round_that_is_under_way_is_no_finding(chain, monkeypatch):
    chain.write(98)
    chain.archive.dying, chain.archive.lives = "after", 0
    with pytest.raises(BaseException):  # noqa: B017, PT011 - the process dies
        chain.ship()
    assert chain.found() == []


def test_a_bomb_in_the_place_of_a_segment_is_named_without_being_unpacked(chain):
    piece = chain.pieces(".gz")[0]
    write(piece, gzip.compress(bytes(50_000_000)))
    assert [one[0] for one in chain.found()] == ["segment_edited"]


def test_manifest_of_another_host_does_not_pass(chain):
    (chain.place / "logs" / "host-other").mkdir()
    day = chain.pieces(".json")[0].parent
    day.rename(chain.place / "logs" / "host-other" / day.name)
    done = checking.check(chain.real, "host-other")
    assert {one.what for one in done.findings} == {"manifest_damaged", "segment_unlisted"}


def made_anew(chain, vouch):
    """The whole chain as somebody writes it who may write the archive: another line in the first segment, and every digest behind it to match."""
    previous = logs.NOTHING
    names = logs.names_of(chain.real, chain.id)
    for number, day in sorted(names.manifests.items()):
        piece = chain.place / f"logs/{chain.id}/{day}/{number:012}.json"
        manifest = logs.Manifest.read(piece.read_bytes())
        segments = []
        for one in manifest.segments:
            segment = chain.place / one.name
            lines = logs.unpacked(segment.read_bytes()).replace(b'"attempt": 1,', b'"attempt": 9,')
            write(segment, logs.packed(lines))
            segments.append(logs.listed(one.name, segment.read_bytes()))
        forged = replace(manifest, previous=previous, segments=tuple(segments), key_id="", signature="")
        forged = sealing.sealed(forged, vouch)
        write(piece, forged.bytes())
        previous = logs.sha256(forged.bytes())


@pytest.mark.parametrize(
    ("keys", "what"), [(None, "manifest_unsigned"), ([("one", bytes(32))], "manifest_forged"), ([("two", bytes(range(32)))], "manifest_forged")]
)  # fmt: skip
def test_chain_that_was_made_anew_without_the_key_is_found(chain, keys, what):
    made_anew(chain, Signer("simulator", keys, []).vouch if keys else None)
    assert checking.check(chain.real, chain.id).findings == []
    assert {one[0] for one in chain.found()} == {what}
    assert {one[0] for one in chain.found(BEGIN.date() + timedelta(days=1))} == {what}


def test_signatures_of_before_say_nothing_for_a_chain_that_was_made_anew(chain):
    kept = {piece: logs.Manifest.read(piece.read_bytes()) for piece in chain.pieces(".json")}
    made_anew(chain, lambda said: ("one", next(one.signature for one in kept.values())))
    assert {one[0] for one in chain.found()} == {"manifest_forged"}


def test_chain_that_goes_on_behind_a_forged_one_does_not_cover_it(chain):
    made_anew(chain, None)
    chain.start()
    chain.write(99)
    chain.ship()
    assert [one[0] for one in chain.found()] == ["manifest_unsigned"] * 5


def test_whoever_has_the_key_can_make_it_anew(chain):
    made_anew(chain, chain.signer.vouch)
    assert chain.found() == []


def test_signature_of_another_environment_is_none(chain):
    other = Signer("production", [("one", bytes(range(32)))], [])
    found = checking.check(chain.real, chain.id, doubt=other.verifier.doubts).findings
    assert {one.what for one in found} == {"manifest_forged"}


def test_signature_that_is_no_base64_is_none(chain):
    piece = chain.pieces(".json")[-1]
    write(piece, replace(logs.Manifest.read(piece.read_bytes()), signature="no signature").bytes())
    assert [one[0] for one in chain.found()] == ["manifest_forged"]


def test_nothing_of_a_manifest_looks_like_a_card_number():
    signatures = [text_of(hashlib.sha512(str(number).encode()).digest()) for number in range(1_000)]
    assert [text for text in (logs.NOTHING, *signatures) if holds_card(text) is not None] == []


@pytest.mark.parametrize(("vouch", "what"), [(None, ["pruned_unsigned"]), (lambda _: ("one", "00"), ["pruned_forged"])])
def test_beginning_that_somebody_made_to_hide_what_was_before_is_found(chain, vouch, what):
    pruning.prune(chain.real, (BEGIN + timedelta(days=1)).date(), vouch)
    assert [one[0] for one in chain.found()] == what
