"""The text of a brief in the making: lines by their sections, each with the reason why it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ASSUMED = "assumed"
"""The comment of a line that no answer says."""
STRUCTURE = re.compile(
    r"\s*(?:- )?(?:answers|load|producers|consumers|events|data|flows|steps|reacts|storage|consistency|failure|design):(?: 1)?$"
)
HEAD = f"""\
# Drafted from four answers. A line with the word "{ASSUMED}" is in none of them: read it, change it where it is wrong, and
# remove the word where it is right. Until then it is an assumption of the design.
"""


@dataclass(slots=True)
class Sections:
    """The lines of a brief by the key of their section; `said` are the comments of lines that an answer says, `outage_s` is the
    longest outage that an answer names."""

    lines: dict[str, list[str]]
    said: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    outage_s: float = 0.0

    @classmethod
    def of(cls, text: str) -> Sections:
        """The sections of a text in which each key at the left begins one."""
        lines: dict[str, list[str]] = {}
        key = ""
        for line in text.splitlines():
            line = re.sub(r"\s+#.*", "", line)
            if not line.startswith(" "):
                key = line.partition(":")[0]
            lines.setdefault(key, []).append(line)
        return cls(lines)

    def names(self, key: str) -> list[str]:
        """The names in a section, in the order of their lines."""
        return [found[1] for line in self.lines.get(key, ()) if (found := re.match(r"  ([A-Za-z][\w-]*):", line))]

    def reactions(self) -> list[tuple[str, str]]:
        """The reactions of its flows: the service, and the deed in words."""
        return re.findall(r"who: ([\w-]+), does: ([^,}]+)", " ".join(self.lines.get("flows", ())))

    def say(self, line: str, comment: str) -> str:
        """Mark a line as said by an answer."""
        self.said[line] = comment
        return line

    def set(self, key: str, line: str, comment: str | None = None) -> None:
        """Replace a section of one line; a comment says which answer it is from."""
        self.lines[key] = [line if comment is None else self.say(line, comment)]

    def add(self, key: str, line: str, comment: str | None = None) -> None:
        """Add a line to a section, which begins with its key."""
        self.lines.setdefault(key, [f"{key}:"]).append(line if comment is None else self.say(line, comment))

    def drop(self, key: str, words: str) -> None:
        """Take away the lines of a section that have some words."""
        self.lines[key] = [line for line in self.lines.get(key, ()) if words not in line]

    def rename(self, old: str, new: str) -> None:
        """Give a service another name wherever it is named."""
        pattern = re.compile(rf"(?<![\w.-]){re.escape(old)}(?![\w-])")
        self.lines = {key: [pattern.sub(new, line) for line in lines] for key, lines in self.lines.items()}

    def text(self, order: tuple[str, ...]) -> str:
        """The brief, each line that no answer says with its comment."""
        found = [HEAD.rstrip("\n")]
        for key in [
            *(each for each in order if each in self.lines),
            *(each for each in self.lines if each not in order),
        ]:
            for line in self.lines[key]:
                if line in self.said:
                    found.append(f"{line}  # {self.said[line]}" if self.said[line] else line)
                else:
                    found.append(line if STRUCTURE.fullmatch(line) else f"{line}  # {ASSUMED}")
        return "\n".join([*found, *(f"# {note}" for note in self.notes), ""])
