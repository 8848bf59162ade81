"""Kept messages: how many messages of each schema wait in the databases and the log of an app, for a person who changes a schema.

Every question is bounded: it reads in the order of an index, and stops at `LOOKED_AT` rows. A count that reached the bound says
so. `unread_records.py` asks the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from partita.catalog.client import is_client
from partita.catalog.contract import Contract
from partita.message import Envelope, envelope_from_bytes
from partita.observability.declarations import Declarations
from partita.observability.reach import BUS, Sight
from partita.observability.unread_records import LOOKED_AT, Unread, unread_records
from partita.store.port import Session, Store

WAITING = """
SELECT o.headers FROM (SELECT seq FROM outbox_queue ORDER BY slot, seq LIMIT :most) q JOIN outbox o ON o.seq = q.seq
"""
REFUSED = """
SELECT o.headers FROM (SELECT seq FROM outbox_parked ORDER BY slot, seq LIMIT :most) q JOIN outbox o ON o.seq = q.seq
"""
PARKED = "SELECT headers, state FROM parked ORDER BY idx LIMIT :most"
LETTERS = "SELECT headers FROM dead_letter WHERE consumer = :consumer AND status = 'open' LIMIT :most"
PLACES = {
    "outbox rows that wait": WAITING,
    "outbox rows that the bus refused": REFUSED,
    "messages in the parking and in retry": PARKED,
    "open dead letters": LETTERS,
}
OPEN = ("running", "compensating", "needs_attention")


@dataclass(frozen=True, slots=True)
class Place:
    """The messages in one place of a service's database, by type and fingerprint; `is_cut` = there are more."""

    service: str
    name: str
    counts: Mapping[tuple[str, str], int]
    looked_at: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class KeptMessages:
    """The messages that wait in the databases that answered, the sagas in flight by name, and the records that groups have not
    read; `unknown` are the sources that did not answer."""

    places: Sequence[Place]
    in_flight: Mapping[tuple[str, str], int]
    unread: Sequence[Unread]
    unknown: Mapping[str, str]

    def hurt(self, app: Declarations, message: str, revisions: Mapping[str, int]) -> tuple[str, ...]:
        """The places that hold messages of these schemas, each with its number, in words. `revisions` has the number of each
        fingerprint."""
        found = []
        for place in self.places:
            count = sum(n for (name, schema), n in place.counts.items() if name == message and schema in revisions)
            if count:
                found.append(f"{count:,}{' or more' if place.is_cut else ''} {place.name} of {place.service}")
            elif place.is_cut:
                found.append(
                    f"unknown: {place.name} of {place.service}, the first {place.looked_at:,} of which are others"
                )
        contract = app.catalog.contracts.get(message)
        if contract is not None:
            found += [
                f"{count:,} {saga} in flight, of {service}"
                for (service, saga), count in self.in_flight.items()
                if count and _waits(app, service, saga, contract)
            ]
        for unread in self.unread:
            found += unread.hurt(message, revisions)
        for name, why in sorted(self.unknown.items()):
            source = "records of the log" if name == BUS else f"the database of {name}"
            found.append(f"unknown: {source} ({why})")
        return tuple(found)


async def kept_messages(sight: Sight, app: Declarations, most: int = LOOKED_AT) -> KeptMessages:
    """All that waits in the databases and in the log that answer, `most` rows of each place; a question that only reads."""
    questions = {name: _of(name, store, most) for name, store in sight.stores.items()}
    found = await sight.ask_all(questions, times=len(PLACES) + 1)
    unread = await unread_records(sight, app, most)
    absent = {
        service.name: "no data of it is here"
        for service in app.services
        if service.name not in sight.stores and not is_client(service)
    }
    return KeptMessages(
        [place for places, _ in found.values() for place in places],
        {(service, saga): count for service, (_, sagas) in found.items() for saga, count in sagas.items()},
        unread,
        absent | sight.unknown,
    )


async def _of(service: str, store: Store, most: int) -> tuple[list[Place], Mapping[str, int]]:
    async with store.reading() as session:
        places = [await _place(session, service, name, sql, most) for name, sql in PLACES.items()]
        sagas = Counter[str]()
        for saga, _, _, unfinished in await session.sagas.versions_in_flight():
            sagas[saga] += unfinished
    return places, sagas


async def _place(session: Session, service: str, name: str, sql: str, most: int) -> Place:
    values: dict[str, str | int] = {"most": most}
    if sql is LETTERS:
        values["consumer"] = service
    rows = await session.fetch(sql, values)
    # A dead letter is parked too, where it holds its key; it counts once.
    envelopes = [_envelope(bytes(row["headers"])) for row in rows if row.get("state") != "dead"]
    counts = Counter((each.type, each.schema) for each in envelopes if each is not None)
    return Place(service, name, counts, len(rows), len(rows) == most)


def _envelope(headers: bytes) -> Envelope | None:
    try:
        return envelope_from_bytes(headers)
    except msgspec.MsgspecError:
        return None  # it has no schema of ours


def _waits(app: Declarations, service: str, saga: str, contract: Contract) -> bool:
    return any(
        definition.name == saga and contract.newest in definition.consumes
        for each in app.services
        if each.name == service
        for definition in each.declared.sagas
    )
