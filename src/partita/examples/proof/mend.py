"""Mending the demo's poison by the commands that an operator would use: rehearse, edit, rehearse again, replay."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from partita.errors import BusUnavailable, NotFound
from partita.examples.proof.ground import Ground
from partita.examples.proof.orders import Poisoned, order, order_id

TRIES_MAX = 5
UNREACHABLE = BusUnavailable.exit_code
FIND = "SELECT id FROM dead_letter WHERE consumer = 'analytics' AND key = :name AND status = 'open'"
CANCELLED = "SELECT order_id FROM orders WHERE order_id = :name AND status = 'CANCELLED'"
SHOWN_COLUMNS = 52
SHOP = "partita.examples.shop.app:app"


@dataclass(slots=True)
class Mended:
    """The outcome of one poisoned order."""

    order: str
    letter: str = ""
    country: str = ""
    rehearsed: list[str] = field(default_factory=list)
    handled: int = 0


class Mending:
    """Mends poisoned orders one after the other, by one command at a time; the demo goes on killing between commands."""

    def __init__(self, ground: Ground, seed: int, report: Callable[[str], None]) -> None:
        self.done: list[Mended] = []
        self.failed = ""
        self._ground = ground
        self._data = ground.settings.data
        self._seed = seed
        self._report = report
        self._now: Mended | None = None
        self._step = 0
        self._tries = 0
        self._running: subprocess.Popen[str] | None = None

    @property
    def left(self) -> list[int]:
        """The numbers of the poisoned orders that are not mended yet."""
        mended = {each.order for each in self.done}
        return [n for n in Poisoned(self._data).numbers() if order_id(self._seed, n) not in mended]

    @property
    def unmended(self) -> str:
        """The remaining poison, in words; empty = none."""
        if self.failed:
            return self.failed
        if self._now is not None:
            return f"{self._now.order} stopped at {self._shown()}"
        if self.left:
            return f"the dead letter of {order_id(self._seed, min(self.left))} never came"
        return "the storefront was asked for a mistake and made none" if Poisoned(self._data).is_wanted else ""

    @property
    def busy(self) -> bool:
        """Whether poison is left to mend."""
        return not self.failed and bool(self._now or self.left or Poisoned(self._data).is_wanted)

    def tick(self) -> None:
        """Take the next step if the running command has ended."""
        if self.failed:
            return
        if self._now is None:
            self._find()
        elif self._running is None:
            self._begin()
        elif self._running.poll() is not None:
            out, problem = self._running.communicate()
            ended, self._running = self._running, None
            self._end(ended.returncode, out, problem)

    def stop(self) -> None:
        """End the running command, if there is one."""
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()
            self._running.communicate()

    def _find(self) -> None:
        for number in self.left:
            name = order_id(self._seed, number)
            if self._one("order-service", CANCELLED, name):
                Poisoned(self._data).drop(number)  # its card was declined, so it does not count; another one is needed
                continue
            letter = self._one("analytics", FIND, name)
            if letter:
                self._now = Mended(name, letter, order(self._seed, number).country)
                self._step = self._tries = 0
                self._report(f"poison: {name} was confirmed without a country; analytics keeps it as a dead letter")
                return

    def _has_happened(self, code: int) -> bool:
        """Whether a command without an answer has had its effect: after an edit another letter is open in place of the present
        one, and a replay that is repeated finds the letter, which is not open any more."""
        assert self._now is not None
        if self._step == 3:
            return code == NotFound.exit_code
        return self._step == 1 and self._one("analytics", FIND, self._now.order) not in ("", self._now.letter)

    def _one(self, service: str, sql: str, name: str) -> str:
        rows = self._ground.databases.query(service, sql, name=name)
        return str(rows[0][0]) if rows else ""

    def _words(self) -> list[str]:
        assert self._now is not None
        letter, because = self._now.letter, ["--reason", "the storefront forgot the country"]
        rehearse = ["replay", "--id", letter, "--rehearse", "-o", "json"]
        edit = ["edit", letter, "--set", f"country={json.dumps(self._now.country)}", "--yes", *because]
        replay = ["replay", "--id", letter, "--yes", *because, "-o", "json"]
        return ["dlq", *(rehearse, edit, rehearse, replay)[self._step], "--app", SHOP]

    def _shown(self) -> str:
        """The running command, with only the end of the id."""
        assert self._now is not None
        letter = f"..{self._now.letter[-6:]}"
        rehearse = f"dlq replay --id {letter} --rehearse"
        edit = f"dlq edit {letter} --set country={self._now.country!r}"
        return f"partita {(rehearse, edit, rehearse, f'dlq replay --id {letter} --yes')[self._step]}"

    def _begin(self) -> None:
        words = [*self._words(), "--data", str(self._data)]
        command = [sys.executable, "-c", "from partita.cli.main import main; main()", *words]
        self._running = subprocess.Popen(
            command, env=self._ground.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _end(self, code: int, out: str, problem: str) -> None:
        assert self._now is not None
        if code and not self._has_happened(code):
            # A query that a killed server did not answer is not a try; the caller that waits for the end has a limit.
            self._tries += code != UNREACHABLE
            if self._tries >= TRIES_MAX:
                self.failed = f"partita {' '.join(self._words())}: {problem.strip() or out.strip()}"
                self._report(f"not mended: {self.failed}")
            return
        shown = self._shown()
        if self._step in (0, 2):
            verdicts: dict[str, int] = json.loads(out)["verdicts"]
            self._now.rehearsed.append(", ".join(verdicts))
            said = "rehearsed: " + ", ".join(f"{count} {name}" for name, count in verdicts.items())
        elif self._step == 1:
            self._now.letter = self._one("analytics", FIND, self._now.order) if code else out.strip()
            said = "the edited copy takes its place"
        else:
            self._now.handled = 0 if code else sum(item["handled"] for item in json.loads(out)["items"])
            said = f"replayed: {self._now.handled} handled"
        self._report(f"  $ {shown:<{SHOWN_COLUMNS}}  {said}")
        self._step += 1
        self._tries = 0
        if self._step == 4:
            self.done.append(self._now)
            self._now = None
