"""Notes on a field that schemas show: whose data it is, that it is personal, its earlier names, its precision."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Mark(enum.Enum):
    """`PII` marks personal data, `Subject` the id of the person whose data the record holds."""

    PII = "pii"
    SUBJECT = "subject"


PII = Mark.PII
"""Marks personal data: `name: Annotated[str, PII]`."""

Subject = Mark.SUBJECT
"""Marks the person whose data a record holds: `customer_id: Annotated[CustomerId, Subject]`. One field of a record, and a key's
type: a `str`, an `int` or a `UUID`."""


class Precision(enum.Enum):
    """The precision of an instant on the wire."""

    MILLIS = "milliseconds"


Millis = Precision.MILLIS
"""Marks an instant in milliseconds: `at: Annotated[datetime, Millis]`. A finer one is refused where it is sent."""


@dataclass(frozen=True, slots=True)
class Alias:
    """Marks an earlier name of a field on the wire, which is still read: `paid_by: Annotated[str, Alias("payer")]`."""

    name: str
