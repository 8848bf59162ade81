"""`Level`: the promise that a schema keeps to its earlier versions (Confluent's compatibility types)."""

from __future__ import annotations

import enum

from partita.errors import DeclarationError

DEFAULT = "FULL_TRANSITIVE"
"""The level of a message that declares none: logs and dead letters hold values of all its revisions."""


class Level(enum.Enum):
    """BACKWARD: the new version reads the values of the latest one. FORWARD: the latest version reads the values of the new one.
    FULL: both. TRANSITIVE: the same with every earlier version, as logs and dead letters need it, since they hold all of them.
    """

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def is_backward(self) -> bool:
        """Whether the new version reads earlier values: consumers upgrade first."""
        return self.value.startswith(("BACKWARD", "FULL"))

    @property
    def is_forward(self) -> bool:
        """Whether earlier versions read new values: producers upgrade first."""
        return self.value.startswith(("FORWARD", "FULL"))

    @property
    def is_transitive(self) -> bool:
        """Whether every earlier version counts, and not the latest alone."""
        return self.value.endswith("_TRANSITIVE")

    @property
    def order(self) -> str:
        """The order of an upgrade, in words: a level promises that old and new run beside each other in this order."""
        if self.is_backward and self.is_forward:
            return "Consumers and producers may upgrade in any order."
        if self.is_backward:
            return "Upgrade consumers first: they read old and new values."
        if self.is_forward:
            return "Upgrade producers first: consumers of before read their values."
        return "Stop producers and consumers, and upgrade them together: nothing was compared."


def check_level(level: object, where: str) -> Level:
    """A level by its name.

    Raises:
        DeclarationError: there is none of that name.
    """
    if isinstance(level, str) and level in Level.__members__:
        return Level[level]
    raise DeclarationError(
        f"{where}: there is no compatibility {level!r:.80}.", hint=f"There is: {', '.join(Level.__members__)}."
    )
