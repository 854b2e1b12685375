"""Signatures: as the Standard Webhooks specification publishes them, one for each secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from service.platform.signing import signed_headers
from tests.support.receivers import is_signed

#: The example of the specification and of the reference libraries' own tests.
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
EVENT = "msg_p5jXN8AQM9LWM0D4loKWxJek"
MOMENT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_published_example_has_its_published_signature():
    assert signed_headers(EVENT, MOMENT, BODY, [SECRET]) == {
        "webhook-id": EVENT,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_every_secret_signs_with_the_newest_in_front():
    headers = signed_headers(EVENT, MOMENT, BODY, [b"n" * 24, SECRET])
    first, second = headers["webhook-signature"].split(" ")
    assert (first.startswith("v1,"), second) == (True, SIGNATURE)
    assert is_signed(headers, BODY, b"n" * 24)
    assert is_signed(headers, BODY, SECRET)
    assert not is_signed(headers, BODY, b"o" * 24)


def test_whatever_is_changed_needs_another_signature():
    headers = signed_headers(EVENT, MOMENT, BODY, [SECRET])
    assert not is_signed(headers, BODY + b" ", SECRET)
    assert not is_signed({**headers, "webhook-id": "msg_x"}, BODY, SECRET)
    assert not is_signed({**headers, "webhook-timestamp": "1614265331"}, BODY, SECRET)


def test_part_of_a_second_is_no_part_of_the_timestamp():
    assert (
        signed_headers(EVENT, MOMENT.replace(microsecond=999_999), BODY, [SECRET])["webhook-timestamp"] == "1614265330"
    )
