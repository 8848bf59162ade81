"""`HttpAnswer`: a server's answer, read by the standard library's parser from bytes that have arrived."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import NamedTuple


class NotHttp(Exception):
    """The bytes are no answer of HTTP; `str()` names the parser's reason and holds none of the bytes."""


class HttpAnswer(NamedTuple):
    """An answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, said: bytes, method: str) -> HttpAnswer:
        """The answer in these bytes. Without the body's bytes it is read as one without a body.

        Raises:
            NotHttp: they are none.
        """
        import http.client  # imported here, because the import is slow and most processes ask no server

        answer = http.client.HTTPResponse(_Heard(said), method=method)  # type: ignore[arg-type]  # it asks for a file only
        try:
            answer.begin()
            body = answer.read()
        except (http.client.HTTPException, ValueError, OSError) as error:
            raise NotHttp(type(error).__name__) from None
        return cls(answer.status, {name.lower(): text for name, text in answer.getheaders()}, body)


class _Heard:
    """Received bytes in the place of a socket."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, _: str) -> io.BytesIO:
        """The bytes as a file."""
        return io.BytesIO(self._said)
