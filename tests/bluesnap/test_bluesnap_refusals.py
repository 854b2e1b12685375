"""The name in an error body is found in every shape, and nothing is made up where there is none."""

from __future__ import annotations

import pytest

from service.bluesnap.outcomes import as_error
from service.errors import Declined, DeclineReason, Unknown

SHAPES = {
    "one message as an object": b'{"message":{"errorName":"CVV_ERROR","code":"14002"}}',
    "a list without message": b'[{"errorName":"CVV_ERROR"}]',
    "code as a number": b'{"message":[{"errorName":"CVV_ERROR","code":14002}]}',
    "invalidProperty as text": b'{"message":[{"errorName":"CVV_ERROR","invalidProperty":"x"}]}',
    "xml": b'<?xml version="1.0"?><messages xmlns="http://ws.plimus.com"><message><error-name>CVV_ERROR</error-name><code>14002</code></message></messages>',
    "xml with blanks and one root": b"<message>\n <error-name> CVV_ERROR </error-name>\n</message>",
    "errorName at the top": b'{"errorCode":"14002","errorName":"CVV_ERROR","errorDescription":"x"}',
    "one quoted string": b'"CVV_ERROR"',
    "plain text": b" CVV_ERROR\n",
    "byte order mark": b'\xef\xbb\xbf{"message":[{"errorName":"CVV_ERROR"}]}',
    "latin 1": b'{"message":[{"errorName":"CVV_ERROR","description":"caf\xe9"}]}',
    "duplicate keys": b'{"message":[],"message":[{"errorName":"CVV_ERROR"}]}',
    "messages of other types": b'{"message":[null,1,"x",[],{"errorName":5,"code":true},{"errorName":"CVV_ERROR"}]}',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_name_is_found_in_every_shape_of_body(shape):
    error = as_error(400, SHAPES[shape], reading=False)
    assert isinstance(error, Declined)
    assert error.reason is DeclineReason.INCORRECT_DETAILS


@pytest.mark.parametrize(
    "body",
    [
        b"<html><title>HTTP Status 400</title></html>",
        b"<xml>Server Error</xml>",
        b'"You are not authorized to view it"',
        b'{"message":"some text"}',
        b'{"error":true,"code":15001,"message":"text"}',
        b'{"message":[{"description":"missing"}]}',
        b'{"message":[{"code":true}]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b'{"message":[{"code":1e999999999}]}',
        b'{"message":[{"code":NaN}]}',
        b"\xff\xfe\x00",
        b"<error-name>" * 80_000,
        b"null",
        b"5",
    ],
)
def test_a_400_that_names_nothing_is_unknown(body):
    error = as_error(400, body, reading=False)
    assert (type(error), error.cause) == (Unknown, "unexpected_refusal")
