"""`Refusal`: the answer to a request of which nothing was kept."""

from __future__ import annotations

import json
from http import HTTPStatus

RETRY_AFTER_S = 5


class Refusal(Exception):
    """An answer other than 202: its status, what is wrong, and the part of the request where it is wrong."""

    def __init__(self, status: int, detail: str, where: str = "", **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.where = where
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}

    def body(self) -> bytes:
        """The answer's body, as RFC 9457 has it."""
        problem: dict[str, object] = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.where:
            problem["where"] = self.where
        return json.dumps(problem, ensure_ascii=False).encode(errors="backslashreplace")


def away(detail: str) -> Refusal:
    """Nothing is wrong with the request; it cannot be kept now."""
    return Refusal(503, detail, retry_after=str(RETRY_AFTER_S))
