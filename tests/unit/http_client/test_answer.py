"""Answers of HTTP, from bytes that have arrived."""

from __future__ import annotations

import pytest

from partita.http_client.answer import HttpAnswer, NotHttp


def test_an_answer_is_its_status_its_headers_and_its_body() -> None:
    said = b"HTTP/1.1 429 Slow down\r\nRetry-After: 5\r\nContent-Length: 2\r\n\r\nabc"
    assert HttpAnswer.of(said, "GET") == (429, {"retry-after": "5", "content-length": "2"}, b"ab")
    assert HttpAnswer.of(said, "HEAD").body == b""


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\x00\x01", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 2000 x\r\n\r\n",
        b"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\na", b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nzz",
    ],
)  # fmt: skip
def test_bytes_that_are_none_are_refused_without_being_shown(said: bytes) -> None:
    with pytest.raises(NotHttp, match=r"\A[A-Za-z]+\Z"):
        HttpAnswer.of(said, "GET")
