"""What page-check fetches and what it does not, from real sockets on loopback."""

from __future__ import annotations

import hashlib
import socket
import threading
import time

import pytest
from page_site import MODULE, PAGE, Answer, running_site

from service.page import snapshot
from service.page.fetching import Fetcher, UnreadError
from service.page.inventory import SCRIPT, Profile
from tests.support.certificates import Authority


def take(site, **fetcher):
    return snapshot.take(Fetcher(**fetcher), site.url, site.deployment, Profile.PLAIN)


def get(url, *, largest=1000, **fetcher):
    return Fetcher(**fetcher).get(url, largest=largest)


def test_scripts_of_page_modules_and_inventory_are_read_with_digests(site):
    taken = take(site)
    found = {one.name.removeprefix(site.origin): one for one in taken.scripts}
    assert {name: one.kind for name, one in found.items()} == {
        SCRIPT: "inventory",
        "/checkout.js": "external",
        "/panless.js": "imported",
    }
    assert found["/checkout.js"].sha256 == hashlib.sha256(MODULE.encode()).hexdigest()
    assert found["/checkout.js"].sha384.startswith("sha384-")
    assert found["/checkout.js"].size == len(MODULE)
    assert (taken.outside, taken.unread) == ([], {})


def test_nonces_are_struck_out_of_headers_and_scripts(site):
    site.body_with('<script nonce="{nonce}">window.own = "{nonce}";</script>')
    one, other = take(site), take(site)
    assert "'nonce-{nonce}'" in one.headers["content-security-policy"]
    assert one.headers == other.headers
    assert [script.sha256 for script in one.scripts] == [script.sha256 for script in other.scripts]
    assert one.nonces[0] != one.nonces[1]


def test_short_value_is_not_struck_out_of_scripts(site):
    site.page.nonce = "pay"
    site.body_with('<script nonce="{nonce}">pay()</script>')
    names = {one.sha256 for one in take(site).scripts if one.kind == "inline"}
    assert names == {hashlib.sha256(b"pay()").hexdigest()}


def test_script_of_a_host_outside_is_named_and_never_asked_for(site):
    with running_site() as other:
        site.body_with(f'<script src="{other.origin}/skimmer.js"></script>')
        taken = take(site)
        assert taken.outside == [f"{other.origin}/skimmer.js"]
        assert other.asked == []


def test_script_that_is_not_there_is_unread(site):
    del site.answers["/panless.js"]
    assert take(site).unread == {f"{site.origin}/panless.js": "it is answered with status 404"}


def test_number_of_scripts_is_bounded(site, monkeypatch):
    monkeypatch.setattr(snapshot, "MOST_SCRIPTS", 5)
    site.body_with("".join(f'<script src="/{n}.js"></script>' for n in range(9)))
    taken = take(site)
    assert len(taken.unread) + len(taken.scripts) == 12
    assert sum("more than 5" in why for why in taken.unread.values()) == 7


def test_modules_that_import_each_other_are_read_once(site):
    site.answers["/panless.js"] = Answer('import "./checkout.js";\nimport "./panless.js";\n')
    take(site)
    assert sorted(path for path, _ in site.asked).count("/panless.js") == 1


def test_nothing_is_sent_that_could_tell_who_asks(site):
    take(site)
    for _, headers in site.asked:
        assert headers.keys() == {"Host", "Accept", "Accept-Encoding", "User-Agent", "Connection"}


def test_redirect_is_followed_on_the_same_origin(site):
    site.answers["/old"] = Answer(status=302, headers={"Location": "/checkout"})
    assert get(f"{site.origin}/old", largest=100_000).url == site.url


@pytest.mark.parametrize(
    "there", ["http://127.0.0.1:1/", "//localhost:1/x", "https://localhost/", "ftp://localhost/", ""]
)
def test_redirect_to_another_origin_is_not_followed(site, there):
    site.answers["/old"] = Answer(status=301, headers={"Location": there})
    with pytest.raises(UnreadError, match=r"another host|too often"):
        get(f"{site.origin}/old")


def test_ring_of_redirects_comes_to_an_end(site):
    site.answers["/old"] = Answer(status=307, headers={"Location": "/old"})
    with pytest.raises(UnreadError, match="too often"):
        get(f"{site.origin}/old")
    assert len(site.asked) == 4


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example/", "without TLS"),
        ("https://user@shop.example/", "a user"),
        ("ftp://localhost/", "no usable address"),
        ("file:///etc/hostname", "no usable address"),
        ("https://", "no usable address"),
        ("http://localhost/a b", "no usable address"),
        ("http://localhost/\r\nX: y", "no usable address"),
        ("http://localhost:1/", "the connection failed"),
    ],
)
def test_address_that_may_not_be_fetched_is_refused(url, why):
    with pytest.raises(UnreadError, match=why):
        get(url)


def test_answer_that_is_too_large_is_refused(site):
    site.answers["/big"] = Answer("x" * 1001)
    site.answers["/fits"] = Answer("x" * 1000)
    assert len(get(f"{site.origin}/fits").body) == 1000
    with pytest.raises(UnreadError, match="larger than 1000 bytes"):
        get(f"{site.origin}/big")


def test_answer_that_is_compressed_or_cut_off_is_refused(site):
    site.answers["/zip"] = Answer("x", headers={"Content-Encoding": "gzip"})
    site.answers["/cut"] = Answer("x", headers={"Content-Length": "5", "Connection": "close"})
    for path, why in (("/zip", "compressed"), ("/cut", "ended before its end|failed")):
        with pytest.raises(UnreadError, match=why):
            get(site.origin + path)


@pytest.fixture
def dripping():
    """A server that sends one byte of its headers again and again, and never ends."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            peer, _ = server.accept()
            with peer:
                try:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not ended.wait(0.05):
                        peer.sendall(b"x")
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        ended.set()
        thread.join()


def test_dripping_server_does_not_outlast_the_time_of_the_check(dripping):
    start = time.monotonic()
    with pytest.raises(UnreadError, match="too long"):
        get(dripping, seconds=0.5)
    assert time.monotonic() - start < 5


def test_certificate_of_nobody_we_trust_is_refused(tmp_path):
    authority = Authority(tmp_path)
    with running_site(authority.server_context("localhost")) as site:
        assert take(site, ca_file=str(authority.file)).url == site.url
        with pytest.raises(UnreadError, match="certificate"):
            take(site)


def test_certificate_of_another_host_is_refused(tmp_path):
    authority = Authority(tmp_path)
    with (
        running_site(authority.server_context("shop.example")) as site,
        pytest.raises(UnreadError, match="certificate"),
    ):
        take(site, ca_file=str(authority.file))


def test_page_in_another_encoding_is_read_as_it_says(site):
    site.page.headers["Content-Type"] = "text/html; charset=utf-16"
    site.answers["/checkout"] = site.page
    site.page.body = PAGE
    assert take(site).page.loaded == []  # these bytes are no such page
    site.page.headers["Content-Type"] = "text/html; charset=nonsense"
    assert len(take(site).page.loaded) == 1
