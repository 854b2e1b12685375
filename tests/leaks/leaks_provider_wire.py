"""The cases of what is no proper answer of BlueSnap's (E119 to E129): broken HTTP, other people's certificates, nobody at all; and what is asked again after it."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import pytest
from leaks_provider import (
    CONFIRMING,
    DONE,
    SHOWN,
    described,
    every_reading,
    mapped,
    opening,
    reading_card,
    said,
    settled,
    together,
)
from leaks_registry import Observation, sender
from leaks_tools import PROGRAMS, environment

from service.bluesnap.client import BlueSnapClient, Timeouts
from service.config import ROOT
from service.errors import NeverSent
from tests.support import hostile_provider
from tests.support.certificates import Authority
from tests.support.hostile_provider import HostileProvider

BOMB = 64_000_000  # bytes, of which some sixty thousand go over the wire
ATTEMPT = re.compile(r"/services/2/vaulted-shoppers/merchant/[a-z]{2,4}_[a-z]{30}")


@sender("E119")
def malformed_header(case, stage):
    """Lines that are no header: without a colon, with signs that no name has, folded. What came before them counts, or nothing does."""
    lines = (said(stage), f"{said(stage)}: x", f" {said(stage)}", f"X-Card\x00{stage.payload(case)}: x")
    card, seen = reading_card(stage), []
    for line in lines:
        stage.provider.order("create_token", hostile_provider.with_header(line))
        stage.provider.order("get_subscription", hostile_provider.with_header(line))
        seen.append(stage.send_all([opening(stage), card]))
    return mapped(stage, together(seen), DONE, SHOWN, "bluesnap_failed")


@sender("E120")
def garbage_status(case, stage):
    """Status lines that are none; a reading is tried twice."""
    word = said(stage)
    lines = (f"HTTP/1.1 {word}\r\n\r\n", f"{word}\r\n\r\n", f"HTTP/1.1 200 {word}\r\nContent-Length: 0\r\n\r\n")
    seen = [every_reading(stage, line.encode(), "bluesnap_failed", times=2) for line in lines[:2]]
    seen.append(every_reading(stage, lines[2].encode(), "bluesnap_failed"))
    return mapped(stage, together(seen), "bluesnap_failed", SHOWN)


@sender("E121")
def retry_after(case, stage):
    """Throttled, with a time to wait that is none: ours is told, and no other."""
    throttled = [hostile_provider.answer(f"{status} Wait", f"Retry-After: {said(stage)}") for status in (429, 503)]
    seen = [every_reading(stage, reply, "bluesnap_busy", "bluesnap_failed") for reply in throttled]
    for answer in (one for each in seen for one in each.answers):
        wait = answer.header("Retry-After")
        assert wait is None or (wait.isdecimal() and wait != stage.payload(case)), "somebody else's Retry-After is told"
    return mapped(stage, together(seen), "bluesnap_busy", "bluesnap_failed", SHOWN)


@sender("E123")
def chunk_length(case, stage):
    """A chunk whose size is no number, and one whose size is a number indeed."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    document = json.dumps(described(stage)).encode()
    sizes = (said(stage).encode(), stage.payload(case).encode())
    replies = [head + size + b"\r\n" + document + b"\r\n0\r\n\r\n" for size in sizes]
    seen = [every_reading(stage, reply, "bluesnap_failed", times=2) for reply in replies]
    return mapped(stage, together(seen), "bluesnap_failed", SHOWN)


@sender("E124")
def charset(case, stage):
    """A document in an encoding that does not exist: it is read as UTF-8, or not at all."""
    media = f"application/json; charset={said(stage)}"
    true = json.dumps({"subscriptionId": 1, **described(stage)}).encode()
    broken = json.dumps(described(stage)).encode("utf-16-le")
    card, seen = reading_card(stage), []
    for body in (true, broken):
        stage.provider.order("get_subscription", hostile_provider.answer("200 OK", body=body, media=media))
        stage.provider.order("create_token", hostile_provider.answer("201 Created", body=body, media=media))
        seen.append(stage.send_all([card, opening(stage)]))
    return mapped(stage, together(seen), "bluesnap_failed", "card_not_found")


@sender("E125")
def compression_bomb(case, stage):
    """Digits without end in a small answer, which nobody asked to be compressed: no more than a megabyte of them is ever unpacked."""
    word = said(stage).encode()
    packed = gzip.compress(word * (BOMB // len(word)), compresslevel=6)
    bomb = hostile_provider.answer("200 OK", "Content-Encoding: gzip", body=packed)
    began = time.monotonic()
    seen = every_reading(stage, bomb, "bluesnap_failed")
    assert time.monotonic() - began < 5, "unpacking took long"
    return seen


@sender("E126")
def cut_connection(case, stage):
    """The connection is reset in the middle of the document, right after the digits; a reading is tried twice."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    broken = head + json.dumps(described(stage)).encode()
    return every_reading(stage, broken, "bluesnap_failed", times=2, reset=True)


@sender("E127")
def certificate(case, stage):
    """The name in BlueSnap's certificate is the digits': an authority that we trust has signed it, or one that we do not."""
    host = f"{stage.labelled(case).replace('=', '-')}.{stage.marker}.example"
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as undo:
        authority = Authority(Path(folder))
        context = authority.server_context(host)
        wrap = lambda sock: context.wrap_socket(sock, server_side=True)  # noqa: E731
        provider = undo.enter_context(HostileProvider(wrap))
        trusted = _plans_check(stage, provider.url, str(authority.file))
        unknown = _plans_check(stage, provider.url, None)
        assert provider.since() == [], "something was said to a stranger"
    assert {trusted.returncode, unknown.returncode} <= {1, 2}
    assert b"certificate_refused" in trusted.stdout + trusted.stderr
    return Observation(
        said=b"".join((trusted.stdout, trusted.stderr, unknown.stdout, unknown.stderr)), judge=lambda: None
    )


def _plans_check(stage, url, authority):
    """`python -m service plans check` against another BlueSnap."""
    start = ["-m", "service"] if authority is None else [str(PROGRAMS / "trusting.py"), authority]
    return subprocess.run(
        [sys.executable, *start, "plans", "check"], cwd=ROOT, env=environment(stage, PANLESS_BLUESNAP_URL=url), check=False,
        capture_output=True, timeout=60,
    )  # fmt: skip


@sender("E128")
def connection_refused(case, stage):
    """Nobody listens: at our doors, and to the client itself where the path that it would have asked for is the digits'."""
    seen = []
    raws = [opening(stage), reading_card(stage)]
    with stage.provider.refusing():
        seen = stage.send_all(raws)
    merchant_id = stage.labelled(case).replace("=", "-")
    error = _refused_call(stage, merchant_id)
    assert error.__context__ is None
    assert error.__cause__ is None
    seen.said = "".join(traceback.format_exception(error)).encode() + repr(vars(error)).encode()
    return mapped(stage, seen, "bluesnap_unreachable")


def _refused_call(stage, merchant_id):
    """What our client raises for a look-up at a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    user, password = (stage.stand.settings[f"PANLESS_BLUESNAP_{name}"] for name in ("USER", "PASSWORD"))
    client = BlueSnapClient(base_url=url, user=user, password=password, timeouts=Timeouts())
    with contextlib.closing(client), pytest.raises(NeverSent) as raised:
        client.find_shopper(merchant_id)
    return raised.value


@sender("E129")
def lookup(case, stage):
    """An attempt whose answer was lost is looked for by the only id that goes into an address: ours, which has no digit."""
    session = stage.ready()
    before = stage.provider.mark()
    stage.provider.order(
        "create_shopper", hostile_provider.answer("200 OK", body=json.dumps(described(stage)).encode())
    )
    refusal = json.dumps({"message": [{"errorName": said(stage), "description": said(stage)}]}).encode()
    stage.provider.order("find_shopper", hostile_provider.answer(f"403 {said(stage)}", body=refusal))
    seen = stage.send(stage.completing(session, {}))
    settled(stage, session)
    lookups = [one for one in stage.provider.since(before) if one.call == "find_shopper"]
    assert lookups, "nobody looked it up"
    assert all(ATTEMPT.fullmatch(one.path) for one in lookups), "what is looked up is not our id"
    return mapped(stage, seen, CONFIRMING)
