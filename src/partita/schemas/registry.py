"""The port of a registry: it keeps the schema of each writer for every reader, by its fingerprint.

Every adapter passes `partita.testing.conformance.registry`.
"""

from __future__ import annotations

from typing import Protocol


class Registry(Protocol):
    """A registry of schemas, shared by all processes of a system. It needs no version and no name: a fingerprint names one
    text for ever, and the envelope of a message contains it.
    """

    async def publish(self, fingerprint: str, text: str) -> None:
        """Keep a schema. A known fingerprint keeps its text.

        Raises:
            BusUnavailable: it is not known whether the schema was kept; publish it again.
        """
        ...

    async def find(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint, published by any process; None = none has published it yet.

        Raises:
            BusUnavailable: the registry does not answer.
        """
        ...
