"""`Refused`: a request over HTTP of which nothing was kept."""

from __future__ import annotations


class Refused(Exception):
    """A request that was not carried out, with its status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
