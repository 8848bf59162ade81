"""A page of the documentation, followed as its reader does: files are saved, commands run, and what they print compared.

How a page says what to do, so that readers and tests need no other marks:

- a block whose first line is a comment with a path (`# ride/trips.py`) is that file, whole;
- a block of `sh` is typed into a shell, which keeps its folder and its variables from block to block;
- a block of `text` is what the commands before it print, or what the program in the other terminal has printed by then;
  `...` stands for anything within a line, and as a line for any lines.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.waiting import last_found

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH_COMMENT = re.compile(r"(?:#|--) ([\w./-]+\.\w+)\n")
OTHER_TERMINAL = re.compile(r"partita run\b")
PATIENCE_S = 100
# `set -e` passes over a failure before `&&`.
STOP_AT_FAILURE = """trap 'code=$?; [ "$code" = 0 ] || exit "$code"' DEBUG"""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    @property
    def path(self) -> str | None:
        """The file that the block is, if it is one."""
        found = PATH_COMMENT.match(self.text)
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks, in order."""
    source = page.read_text(encoding="utf-8")
    return [
        Block(page.name, source[: found.start()].count("\n") + 1, found[1], found[2])
        for found in FENCE.finditer(source)
    ]


def _interruptible() -> None:
    """A shell that runs in the background gives its children an interrupt that they ignore, and they could not take it back."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class _Other(NamedTuple):
    running: subprocess.Popen[bytes]
    printed: Path


class Walk:
    """A folder in which the blocks of a page are followed, one after the other."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._notes = folder / ".walk"
        self._notes.mkdir()
        self._here = folder
        self._variables = dict(variables)
        self._printed = ""
        self._others: list[_Other] = []

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *_: object) -> None:
        for other in self._others:
            other.running.send_signal(signal.SIGINT)
        for other in self._others:
            try:
                other.running.wait(30)
            finally:
                other.running.kill()
                other.running.wait()

    @property
    def printed(self) -> str:
        """The output of the last commands."""
        return self._printed

    def follow(self, blocks: Iterable[Block]) -> None:
        """Do as the blocks say.

        Raises:
            AssertionError: a command failed, or printed something else.
        """
        for block in blocks:
            if block.path is not None:
                path = self._here / block.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.language == "sh":
                self._type(block)
            elif block.language == "text":
                self._compare(block)
            else:
                raise AssertionError(f"{block}: a block of {block.language or 'no language'}, neither file nor command")

    def _type(self, block: Block) -> None:
        for commands in _parts(block.text):
            if OTHER_TERMINAL.match(commands):
                self._open_other(block, commands)
            else:
                self._run(block, commands)

    def _run(self, block: Block, commands: str) -> None:
        if not commands.strip():
            return
        script = f'{STOP_AT_FAILURE}\n{commands}\nenv -0 > "{self._notes}/variables"; pwd > "{self._notes}/here"'
        done = subprocess.run(
            ["bash", "-c", script], cwd=self._here, env=self._variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}: exit {done.returncode}\n{commands}\n{done.stdout}\n{done.stderr}"
        self._printed = done.stdout + done.stderr
        kept = (self._notes / "variables").read_bytes().decode().split("\0")
        self._variables = dict(pair.split("=", 1) for pair in kept if "=" in pair)
        self._here = Path((self._notes / "here").read_text().strip())

    def _open_other(self, block: Block, command: str) -> None:
        """Start what runs until Ctrl-C in a terminal of its own, and wait until it is ready."""
        path = self._notes / f"other-{len(self._others)}"
        with path.open("wb") as printed:
            running = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self._here, env=self._variables, stdin=subprocess.DEVNULL,
                stdout=printed, stderr=subprocess.STDOUT, preexec_fn=_interruptible,
            )  # fmt: skip
        self._others.append(_Other(running, path))
        self._wait_for(block, "ready: ...\n...\n")

    def _compare(self, block: Block) -> None:
        if not _matches(block.text, self._printed):
            assert self._others, f"{block}: printed\n{self._printed}\ninstead of\n{block.text}"
            self._wait_for(block, block.text)

    def _wait_for(self, block: Block, expected: str) -> None:
        """The terminal that was opened last prints it."""
        running, path = self._others[-1]

        def is_decided(printed: str) -> bool:
            return _matches(expected, printed) or running.poll() is not None

        printed = last_found(path.read_text, PATIENCE_S, holds=is_decided)
        ended = "" if running.poll() is None else "the program in the other terminal ended, "
        assert _matches(expected, printed), f"{block}: {ended}printed\n{printed}\ninstead of\n{expected}"


def _parts(commands: str) -> list[str]:
    """The commands in the order of their lines; what runs until Ctrl-C is a part of its own."""
    parts = [""]
    for line in commands.splitlines(keepends=True):
        if OTHER_TERMINAL.match(line):
            parts += [line, ""]
        else:
            parts[-1] += line
    return parts


def _matches(expected: str, printed: str) -> bool:
    """Whether it was printed: `...` is anything, within its line or as lines of its own."""
    parts = [
        "(?:.*\n)*?" if line.strip() == "..." else ".*?".join(map(re.escape, line.rstrip().split("..."))) + "[ ]*\n"
        for line in expected.splitlines()
    ]
    return (
        re.fullmatch("".join(parts), printed if printed.endswith("\n") or not printed else printed + "\n") is not None
    )
