"""How far the bytes of one request have come: they go to a thread only once they are all there. Judges nothing; what is odd goes on at once, to be refused.

gunicorn's own parser has the last word on every request. What stands here must only never call a request whole that is not (RFC 9112 sections 2 to 7).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_HEAD_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
#: Bytes of a line that says how large a chunk is. Ours have no extensions.
_LONGEST_SIZE_LINE = 32


@dataclass(frozen=True)
class Limits:
    """In bytes: of a request line, of a whole head, and of the largest body that any door reads."""

    line: int
    head: int
    body: int


class Frame:
    """One request on its way in, and what came behind it.

    `whole`: a thread may have it. `too_large`: it will be refused for its body, which is not waited for; the connection ends with the answer.
    `head_too_large` says itself. `asks`: the client waits to be told to go on before it sends its body (RFC 9110 section 10.1.1).
    """

    def __init__(self, limits: Limits) -> None:
        self.data = bytearray()
        self.whole = self.too_large = self.head_too_large = self.asks = False
        self._limits = limits
        self._step: Callable[[], bool] = self._head
        self._place = 0  # what stands before it has been understood
        self._end = 0  # where the body, or the chunk that is being read, ends
        self._body_from = 0
        self._decoded = 0

    def __bool__(self) -> bool:
        """Whether anything has come."""
        return bool(self.data)

    def feed(self, piece: bytes) -> None:
        """More bytes. Each is looked at once, however they are cut up."""
        self.data += piece
        while not self.whole and self._step():
            pass

    def _hand_over(self) -> bool:
        self.whole = True
        return False

    def _head(self) -> bool:
        end = self.data.find(_HEAD_END, max(self._place - 3, 0))
        if end < 0:
            return self._head_so_far()
        start = 2 if self.data.startswith(b"\r\n") else 0
        line, *fields = bytes(self.data[start:end]).split(b"\r\n")
        named = [(name.lower(), value.strip()) for name, _, value in (field.partition(b":") for field in fields)]
        self._place = self._body_from = end + len(_HEAD_END)
        self._step = self._body(
            [value for name, value in named if name == b"content-length"],
            [value.lower() for name, value in named if name == b"transfer-encoding"],
        )
        self.asks = line.endswith(b"HTTP/1.1") and any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in named
        )
        return True

    def _head_so_far(self) -> bool:
        """What can be refused already is not waited for: a line that is too long, one that ends without CR, a head without an end."""
        data, limits = self.data, self._limits
        self.head_too_large = len(data) > limits.head
        long_line = len(data) > limits.line + 2 and data.find(b"\r\n", 2, limits.line + 4) < 0
        if self.head_too_large or long_line or _BARE_LF.search(data, max(self._place - 1, 0)):
            return self._hand_over()
        self._place = len(data)
        return False

    def _body(self, lengths: list[bytes], codings: list[bytes]) -> Callable[[], bool]:
        if codings == [b"chunked"] and not lengths:
            return self._chunk_size
        if codings or len(lengths) > 1 or not all(length.isdigit() and len(length) < 16 for length in lengths):
            return self._hand_over
        length = int(lengths[0]) if lengths else 0
        if length > self._limits.body:
            return self._refuse_body
        self._end = self._place + length
        return self._length

    def _length(self) -> bool:
        self.whole = len(self.data) >= self._end
        return False

    def _refuse_body(self) -> bool:
        self.too_large = True
        return self._hand_over()

    def _chunk_size(self) -> bool:
        end = self.data.find(b"\r\n", self._place, self._place + _LONGEST_SIZE_LINE)
        if end < 0:
            odd = len(self.data) >= self._place + _LONGEST_SIZE_LINE
            return self._hand_over() if odd else False
        line = bytes(self.data[self._place : end])
        if _SIZE.fullmatch(line) is None:
            return self._hand_over()
        size = int(line, 16)
        self._decoded += size
        self._place, self._end = end + 2, end + 2 + size + 2
        most = self._limits.body
        if self._decoded > most or self._place - self._body_from > 2 * most:
            return self._refuse_body()
        self._step = self._chunk if size else self._trailer
        return True

    def _chunk(self) -> bool:
        if len(self.data) < self._end:
            return False
        if self.data[self._end - 2 : self._end] != b"\r\n":
            return self._hand_over()
        self._place, self._step = self._end, self._chunk_size
        return True

    def _trailer(self) -> bool:
        """An empty line. Fields behind the last chunk are refused."""
        return self._hand_over() if len(self.data) >= self._place + 2 else False
