"""The topics and partitions of the log, as far as this process knows them."""

from __future__ import annotations

from collections.abc import Sequence

from partita.bus.held_partitions import Where
from partita.bus.port import TopicSpec
from partita.bus.specs import Specs
from partita.clock import US
from partita.databases.postgres.arrays import unnest
from partita.databases.postgres.database import Database
from partita.databases.postgres.lock_waits import LOCK

PLACES = """
SELECT t.topic, t.name, t.partitions, p.partition, p.place
FROM partita_log.topic AS t JOIN partita_log.place AS p ON p.topic = t.topic
"""
ADD = f"""
WITH added AS (
    INSERT INTO partita_log.topic (name, partitions, retention_us)
    SELECT name, partitions, retention_us FROM {unnest(name="text", partitions="bigint", retention_us="bigint")}
    ORDER BY ord ON CONFLICT (name) DO NOTHING RETURNING topic, partitions
)
INSERT INTO partita_log.place (topic, partition)
SELECT a.topic, n FROM added AS a CROSS JOIN LATERAL generate_series(0, a.partitions - 1) AS n ORDER BY a.topic, n
"""


class Topics:
    """Known topics; they are looked up again where that is not enough, since another process may have made one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.specs = Specs()
        self._partitions: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._places: dict[Where, int] = {}

    async def refresh(self) -> None:
        """Read the existing topics."""
        async with self._database.asking() as link:
            rows = await link.rows(PLACES)
        self._names = {str(number): name for number, name, _, _, _ in rows}
        self._partitions = {name: partitions for _, name, partitions, _, _ in rows}
        self._places = {(name, partition): place for _, name, _, partition, place in rows}

    async def ensure(self, topics: Sequence[TopicSpec]) -> None:
        """Create the missing ones."""
        if all(topic.name in self._partitions for topic in topics):
            return
        await self.refresh()
        missing = {topic.name: topic for topic in topics if topic.name not in self._partitions}.values()
        if not missing:
            return
        kept = [None if t.retention_s is None else round(t.retention_s * US) for t in missing]
        # Not synced by itself: the sync of the first record that needs it covers it.
        async with self._database.writing(durable=False) as link:
            await link.run("SET LOCAL lock_timeout TO '10s'")
            await link.rows(LOCK, "partita_log/topics")
            await link.run(ADD, [t.name for t in missing], [t.partitions for t in missing], kept)
        await self.refresh()

    def knows(self, names: Sequence[str]) -> bool:
        """Whether all of these are known."""
        return all(name in self._partitions for name in names)

    def counts(self, names: Sequence[str]) -> dict[str, int]:
        """The numbers of partitions of the known ones of these topics."""
        return {name: self._partitions[name] for name in names if name in self._partitions}

    def name(self, number: str) -> str | None:
        """The topic with this name on the channel."""
        return self._names.get(number)

    def places(self, names: Sequence[str]) -> dict[Where, int]:
        """The places of these topics' partitions."""
        return {(name, n): self._places[(name, n)] for name in names for n in range(self._partitions.get(name, 0))}
