"""The round trips to PostgreSQL of one checkout alone: the statements of each transaction that handles messages.

    python bench/trips.py postgres          a line for each transaction
    python bench/trips.py kafka --all       and its statements

The numbers depend on the code alone: they are no measurement of time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import asyncpg
from checkout import OrderId, app
from checkout import Place as PlaceOrder
from latency import Looking
from place import Place, stage

WARM = 4
METHODS = ("fetch", "fetchmany", "execute", "prepare", "copy_records_to_table")


class Transactions:
    """The statements between each BEGIN and its COMMIT, of all connections of this process."""

    def __init__(self) -> None:
        self.ended: list[list[str]] = []
        self._open: dict[int, list[str]] = {}
        for name in METHODS:
            setattr(asyncpg.Connection, name, self._noting(getattr(asyncpg.Connection, name)))

    def _noting(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def noted(connection: Any, sql: str, *given: Any, **named: Any) -> Any:
            text = " ".join(sql.split())
            if text.startswith("BEGIN"):
                self._open[id(connection)] = []
            if id(connection) in self._open:
                self._open[id(connection)].append(text)
            found = await method(connection, sql, *given, **named)
            if text.endswith("COMMIT"):
                self.ended.append(self._open.pop(id(connection), []))
            return found

        return noted

    def handling(self) -> list[list[str]]:
        """Those that admit messages."""
        return [each for each in self.ended if any("partita_known" in text for text in each)]


async def one(where: Place) -> list[list[str]]:
    """The transactions of one checkout, when all statements are prepared."""
    seen, mine = Transactions(), app.configured(where.settings)
    async with mine.running(), Looking(mine, where) as looking:
        for number in range(WARM + 1):
            seen.ended.clear()
            await mine.send(PlaceOrder(order_id=OrderId(f"trip{number}"), cents=1))
            while await looking.status(f"trip{number}") != "CONFIRMED":
                await asyncio.sleep(0.005)
            await mine.settled(30)
        return seen.handling()


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tier", choices=("postgres", "kafka"))
    parser.add_argument("--all", action="store_true", help="with the statements")
    asked = parser.parse_args()
    with stage(asked.tier) as here, here.place() as where:
        found = asyncio.run(one(where))
    for number, texts in enumerate(found, 1):
        service = texts[0].partition('search_path TO "')[2].partition('"')[0]
        print(f"{number}  {service:<10} {len(texts)} round trips")
        for text in texts if asked.all else ():
            print(f"       {text[:100]}{' ... COMMIT' if len(text) > 100 and text.endswith('COMMIT') else ''}")
    print(f"in all {sum(map(len, found))}")


if __name__ == "__main__":
    main()
