"""Plays one outcome of a project on the servers of `PARTITA_STORE` and `PARTITA_BUS`, by the real clock: PACKAGE OUTCOME.

The folder of the project is the current one. Outcomes without waits can be played so: refusals, people who decide, commands that
come twice. The end of the saga and the work of its steps are checked as `app.testing()` checks them.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

from tests.waiting import until

from partita.catalog.contract import contract_of
from partita.runtime.system import System
from partita.testing.handler_stub import Delays
from partita.testing.stub import Stub

WAIT_S = 90.0
WORK = "SELECT state FROM step_work WHERE command = :name AND item = :item"


class OnServers:
    """The participants of a running app, for the stubs of an outcome. Any: the project is imported by name."""

    def __init__(self, system: System) -> None:
        self._system = system

    def stub(self, command: type[Any]) -> Stub[Any, Any]:
        contract = contract_of(command)
        interest = self._system.pipelines[contract.service.name].interests[contract.full_name]
        return Stub(contract, interest, Delays())


async def play(package: str, name: str) -> None:
    """Play it, and wait until its saga has ended.

    Raises:
        AssertionError: it ended otherwise than the design promises.
    """
    app = importlib.import_module(f"{package}.app").app
    outcome = importlib.import_module(f"{package}.outcomes").OUTCOMES[name]
    async with app.running() as system:
        for stub in outcome.stubs:
            stub(OnServers(system))
        for command in outcome.begins:
            await app.send(command)

        async def decided() -> tuple[str, str]:
            for command, answer in outcome.answers.items():
                for reply_to in await _pending(system, command):
                    await app.reply(reply_to, answer, by="a person")
            return await _saga(system, outcome.saga.__definition__)

        status, item = await until(decided, WAIT_S, holds=lambda found: found[0] in ("completed", "undone"))
        assert status == outcome.ends, f"{outcome.title}: {status}, not {outcome.ends}"
        for (service, command), state in outcome.work.items():
            async with system.stores[service].reading() as session:
                found = [row["state"] for row in await session.fetch(WORK, {"name": command, "item": item})]
            assert found == ([state] if state else []), f"{outcome.title}: the work of {command} is {found}"


async def _pending(system: System, command: type[Any]) -> list[str]:
    contract = contract_of(command)
    async with system.stores[contract.service.name].reading() as session:
        rows = await session.pending.find(limit=100)
    return [row.reply_to for row in rows if row.type == contract.full_name]


async def _saga(system: System, definition: Any) -> tuple[str, str]:
    """The status and the id of the one instance in a fresh database."""
    async with system.stores[definition.service.name].reading() as session:
        rows = await session.fetch("SELECT saga_id, status FROM saga WHERE saga = :name", {"name": definition.name})
    return (rows[0]["status"], rows[0]["saga_id"]) if rows else ("not begun", "")


if __name__ == "__main__":
    sys.path.append(str(Path.cwd()))
    asyncio.run(play(*sys.argv[1:3]))
