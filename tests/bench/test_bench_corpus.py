"""The texts of the benchmarks are of the size they claim, the same every time, and hold no card of anybody."""

from __future__ import annotations

from bench import corpus
from service.bluesnap.notices import read_notice
from service.cardguard.detect import holds_card


def test_notice_has_its_size_and_is_read_whole():
    body = corpus.notice("1056823480", "7100010")
    assert 2_000 < len(body) < 2_400
    heard = read_notice(body.encode())
    assert (heard.type, heard.reference, heard.subscription_id, heard.complete) == (
        "CHARGE",
        "1056823480",
        "7100010",
        True,
    )


def test_no_body_or_line_of_ours_holds_a_card():
    for text in (corpus.notice(), corpus.checkout()):
        assert holds_card(text) is None


def test_lookalikes_are_many_and_the_same_every_time():
    assert len(corpus.lookalikes()) == 10_000
    assert corpus.lookalikes(50) == corpus.lookalikes(50)
    orders = corpus.lookalikes(700)[6::7]
    assert all(len(one) == 16 and one[0] in corpus.NO_CARD for one in orders)
