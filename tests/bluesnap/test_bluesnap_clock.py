"""BlueSnap's clock, read off the Date header in its one form (RFC 9110 section 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.errors import Unknown

URL = "http://127.0.0.1:1/services/2/recurring/plans"


def clock(mocked, client, date):
    mocked.get(URL, json={"lastPage": True}, headers={"Date": date})
    return client.get_clock()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        (" Thu, 29 Feb 2024 00:00:00 GMT ", datetime(2024, 2, 29, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_date_of_an_answer_is_bluesnaps_clock(mocked, client, text, moment):
    assert clock(mocked, client, text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 31 Feb 2024 00:00:00 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
    ],
)
def test_date_in_another_form_is_no_clock(mocked, client, text):
    mocked.get(URL, json={"lastPage": True}, headers={"Date": text.encode().decode("latin-1")})
    with pytest.raises(Unknown):
        client.get_clock()
