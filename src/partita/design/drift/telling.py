"""Changes as text for a terminal, and as a comment for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from partita.design.drift.change import Change


def as_text(found: Sequence[Change]) -> Iterator[str]:
    """The lines for a terminal."""
    for section, group in groupby(found, key=lambda each: each.section):
        each = list(group)
        yield f"{section} {each[0].title}"
        for change in each:
            yield f"  {'!' if change.harm else ' '} {change.what}"
            if change.harm:
                yield f"      {change.harm}"
            if change.hurt:
                yield f"      hurt: {', '.join(change.hurt)}"
            if change.instead:
                yield f"      instead: {change.instead}"


def as_comment(found: Sequence[Change]) -> Iterator[str]:
    """The lines of a comment in Markdown. All names are shown as code, since they are data of the project."""
    harmful = sum(1 for each in found if each.harm)
    yield f"### The design changes in {len(found)} place{'' if len(found) == 1 else 's'}, {harmful or 'none'} of them with harm"
    for section, group in groupby(found, key=lambda each: each.section):
        each = list(group)
        yield ""
        yield f"**{section} {each[0].title}**"
        yield ""
        for change in each:
            yield f"- {'**breaks:** ' if change.harm else ''}{_safe(change.what)}"
            if change.harm:
                yield f"  - {_safe(change.harm)}"
            if change.hurt:
                yield f"  - hurt: {', '.join(f'`{_bare(name)}`' for name in change.hurt)}"
            if change.instead:
                yield f"  - instead: {_safe(change.instead)}"


def _safe(text: str) -> str:
    """Text that is neither markup nor HTML: the author of a pull request writes the reasons."""
    escaped = "".join(f"\\{c}" if c in "\\`*_[]#|!" else c for c in text)
    return " ".join(escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())


def _bare(name: str) -> str:
    return name.replace("`", "'")
