"""A run of a project's tests: the result of each, when they ran, and at which commit."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from partita.errors import Malformed

BYTES_MAX = 5_000_000
RECORD = ".partita/ran.json"
"""The file in which a project records a run of its tests."""
Result = Literal["passed", "failed", "skipped"]


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The results by the ids of tests. `project` is the digest of the project that ran; `commit` is empty outside git."""

    project: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    at: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    commit: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z._-]{0,100}$")]
    tests: dict[str, Result]
    seal: str = ""

    @property
    def when(self) -> str:
        """The day, and the commit where it is known."""
        return self.at[:10] + (f" at {self.commit}" if self.commit else "")


def read_run(data: bytes, source: str) -> Run:
    """The run in the bytes of a record.

    Raises:
        Malformed: they are no record; names the source and the place in it.
    """
    hint = f"make test in the project writes it: {RECORD}"
    if len(data) > BYTES_MAX:
        raise Malformed(f"{source} has more than {BYTES_MAX:,} bytes: it is no record of a run.", hint=hint)
    try:
        return msgspec.json.decode(data, type=Run)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"{source} is no record of a run: {error}.", hint=hint) from error
