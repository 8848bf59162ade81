"""A line of a brief in the making: its keys, and those that an answer says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SAID = "your answer"
ASSUMED = "assumed"
_PAIR = re.compile(r"(\w+): (\[[^\]]*\]|\{[^}]*\}|[^,]*)(?:, |$)")


@dataclass(slots=True)
class RuleLine:
    """Keys and values in their order; `said` are the keys of an answer, `comment` says more than that."""

    values: dict[str, str]
    said: set[str] = field(default_factory=set)
    comment: str = ""

    @classmethod
    def of(cls, line: str) -> RuleLine:
        """The keys of `- {rule: ..., kind: ...}`, or of a flow mapping alone."""
        inner = re.sub(r"^\s*(?:- )?(?:\w+: )?\{|\}\s*$", "", line)
        values: dict[str, str] = {}
        text = re.match(r"rule: (.*?), (?=kind: )", inner)
        if text:
            values["rule"] = text[1]
            inner = inner[text.end() :]
        values |= {found[1]: found[2] for found in _PAIR.finditer(inner)}
        return cls(values)

    def say(self, **values: str) -> None:
        """Set keys that an answer says."""
        self.values |= values
        self.said |= values.keys()

    def assume(self, **values: str) -> None:
        """Set keys that no answer says, where no answer said another value."""
        self.values |= {key: value for key, value in values.items() if key not in self.said}

    def lines(self) -> list[tuple[str, str]]:
        """The item of a list, each line with its comment: the keys of answers first."""
        own = [f"{key}: {value}" for key, value in self.values.items() if key in self.said]
        rest = [f"{key}: {value}" for key, value in self.values.items() if key not in self.said]
        if not own or not rest:
            comment = self.comment or (SAID if own else ASSUMED)
            return [(f"  - {{{', '.join([*own, *rest])}}}", comment)]
        return [
            (f"  - {{{', '.join(own)},", self.comment or SAID),
            (f"     {', '.join(rest)}}}", ASSUMED),
        ]

    def block(self) -> list[tuple[str, str]]:
        """The lines of a mapping, each with its comment."""
        return [(f"  {key}: {value}", SAID if key in self.said else ASSUMED) for key, value in self.values.items()]


def quoted(text: str) -> str:
    """A text of an answer as a value."""
    return "'" + text.replace("'", "''") + "'"


def unquoted(value: str) -> str:
    """The text of a value, which may be in quotes."""
    return value[1:-1].replace("''", "'") if value.startswith("'") else value
