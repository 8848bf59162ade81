"""What a registry must do: keep the schema of each writer where every reader finds it, by its fingerprint.

Every adapter passes `partita.testing.conformance.registry`.
"""

from __future__ import annotations

from typing import Protocol


class Registry(Protocol):
    """A registry of schemas, shared by all processes of a system. It needs no version and no name: a fingerprint names one
    text for ever, and the envelope of a message carries it.
    """

    async def publish(self, fingerprint: str, text: str) -> None:
        """Keep a schema. A fingerprint that is known keeps its text.

        Raises:
            BusUnavailable: it is not known whether the schema was kept; publish it again.
        """
        ...

    async def find(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint, whichever process published it; None = nobody has until now.

        Raises:
            BusUnavailable: the registry does not answer.
        """
        ...
