"""The prose of the tree, and the words in it that STYLE.md rules out, as one function from a tree to its complaints."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# README and CHANGELOG have rules of their own; the list of planted bugs is generated.
PAGES = (
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "STYLE.md",
    "docs/glossary.md",
    "docs/guides/*.md",
    "docs/decisions/*.md",
)
GENERATED = "docs/guides/planted-bugs.md"
# The before/after pairs of STYLE.md quote the words that they replace.
QUOTED = re.compile(r"^\| `.*$", re.M)
DATA = re.compile(r"^```yaml\n.*?^```$", re.M | re.S)
CODE = re.compile(r"`[^`\n]+`")
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|WITH|VALUES)\b")
PEOPLE = {
    "user",
    "users",
    "person",
    "people",
    "operator",
    "operators",
    "reader",
    "readers",
    "customer",
    "engineer",
    "team",
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Words that are not used, and the advice for the line that uses one."""

    words: str
    advice: str
    docstrings_only: bool = False
    people_may: bool = False


RULES = {
    "clause for a noun": Rule(
        words=r"\A(?:What|Who|Whom|Whose|Whoever)\b",
        advice="a docstring begins with a noun or a verb: name the thing, or the act.",
        docstrings_only=True,
    ),
    "clause for a subject": Rule(
        words=r"(?<=[.;:] )(?:What|Whoever)\b(?![^.]*\?)",
        advice="a sentence begins with its subject: name it by the field's noun.",
    ),
    "he": Rule(words=r"\b(?:he|him|his|she|whom)\b", advice="a process or a message is 'it'; name a person's role."),
    "who": Rule(words=r"\bwho\b", advice="name the process, the handler, the caller.", people_may=True),
    "nobody": Rule(words=r"\b(?:nobody|somebody|anybody|whoever)\b", advice="say which process, handler or person."),
    "tell": Rule(
        words=r"\b(?:tells?|told|telling)\b", advice="say what is done: send, report, notify, signal, return."
    ),
    "stand": Rule(words=r"\b(?:stands?|stood)\b(?! for\b|-)", advice="'is', 'is stored', 'is written'."),
    "poetic": Rule(words=r"\b(?:anew|blamed?|troubles?)\b", advice="'again', 'counts against', 'failure'."),
}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One docstring, comment, message or paragraph, with its first line."""

    where: str
    line: int
    text: str
    docstring: bool = False


def complaints(root: Path) -> dict[str, list[str]]:
    """The lines that use a word against a rule, by rule."""
    found: dict[str, list[str]] = {name: [] for name in RULES}
    for piece in _pieces(root):
        prose = CODE.sub(_blank, piece.text)
        for name, rule in RULES.items():
            if rule.docstrings_only and not piece.docstring:
                continue
            for match in re.finditer(rule.words, prose, 0 if rule.words[:2] in (r"\A", "(?") else re.IGNORECASE):
                before = re.findall(r"\w+", piece.text[: match.start()])[-1:]
                if rule.people_may and before and before[0].lower() in PEOPLE:
                    continue
                line = piece.line + piece.text.count("\n", 0, match.start())
                found[name].append(f"{piece.where}:{line}: '{match[0]}': {rule.advice}")
    return found


def _blank(code: re.Match[str]) -> str:
    return "`" + "_" * (len(code[0]) - 2) + "`"


def _lines(data: re.Match[str]) -> str:
    return "\n" * data[0].count("\n")


def _pieces(root: Path) -> Iterator[Piece]:
    for folder in ("src", "tests", "bench"):
        for path in sorted((root / folder).rglob("*.py")):
            where = path.relative_to(root).as_posix()
            if not where.startswith("tests/tidy/"):
                yield from _of_source(where, path.read_text(encoding="utf-8"))
    for pattern in PAGES:
        for path in sorted(root.glob(pattern)):
            where = path.relative_to(root).as_posix()
            if where != GENERATED:
                text = DATA.sub(_lines, QUOTED.sub("", path.read_text(encoding="utf-8")))
                yield Piece(where=where, line=1, text=text)


def _of_source(where: str, source: str) -> Iterator[Piece]:
    """Messages are read in src/ only: the texts of a test are its data."""
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = set()
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings.add(id(first.value))
    for node in nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) in docstrings:
            yield Piece(where=where, line=node.lineno, text=node.value, docstring=True)
        elif where.startswith("src/") and node.value.count(" ") > 2 and not SQL.search(node.value):
            yield Piece(where=where, line=node.lineno, text=node.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Piece(where=where, line=token.start[0], text=token.string)
