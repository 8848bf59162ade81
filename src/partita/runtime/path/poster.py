"""`Poster`: commands sent without waiting, kept in the outbox of the app's client until a relay takes them.

The client is a service without handlers: it has the same store, numbers of keys, relay and janitor as all others, under a
source of its own. So a web front end can send while the services, the bus, or both are away.
"""

from __future__ import annotations

from typing import Any

from partita.catalog.catalog import Catalog
from partita.catalog.contract import Contract, contract_of
from partita.clock import Clock, Ids
from partita.codec.port import Codec
from partita.errors import Conflict, DeclarationError
from partita.message import Message, envelope_from_bytes
from partita.outbox.outbox import Composer, send
from partita.runtime.path.after_conflict import run_again
from partita.runtime.path.door import id_of
from partita.runtime.path.running_handler import refuse_to_repeat, running_handler
from partita.store.port import Session, Store

# A message without a cause begins its own journey, and that has an index.
POSTED = "SELECT payload, headers FROM outbox WHERE correlation_id = :id AND id = :id LIMIT 1"


class Poster:
    """Posts commands through one store."""

    def __init__(self, store: Store, catalog: Catalog, codec: Codec, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._catalog = catalog
        self._codec = codec
        self._clock = clock
        self._ids = ids

    async def post(self, command: Any, idempotency_key: str | None) -> str:
        """Keep a command until it is handled; returns its message id, which follows from an idempotency key.

        Raises:
            Conflict: the key was used with another content. StoreUnavailable: perhaps kept; post it again with the same key.
            DeclarationError: it is no command, or has no handler. WithinHandler: see `refuse_to_repeat`.
        """
        contract = contract_of(type(command))
        if contract.kind != "command":
            raise DeclarationError(
                f"{contract.name} is no command, it is {'an' if contract.kind == 'event' else 'a'} {contract.kind}.",
                hint="app.post(PlaceOrder(...))",
            )
        self._catalog.check_receiver(contract)
        asking = running_handler()
        if asking is not None:
            refuse_to_repeat(asking, contract.name, idempotency_key)
        named = None if idempotency_key is None else id_of(contract.service.name, contract.identity, idempotency_key)
        return await run_again(self._clock, lambda: self._keep(contract, command, named))

    async def _keep(self, contract: Contract, command: Any, named: str | None) -> str:
        now_us = await self._store.now_us()
        # The source is read here: a restored database has another one since it was opened.
        composer = Composer(self._store.source, self._codec, self._ids)
        message = composer.compose(contract, command, kind="command", cause=None, now_us=now_us, message_id=named)
        async with self._store.transaction() as session:
            if named is None or not await _is_kept(session, message):
                await send(session, [message], now_us)
        return message.envelope.id


async def _is_kept(session: Session, message: Message) -> bool:
    """Whether it was posted before and is not forgotten; if so, its receiver knows it by its id.

    Raises:
        Conflict: it had another content. If another version of its class wrote it, only the receiver can compare.
    """
    rows = await session.fetch(POSTED, {"id": message.envelope.id})
    for row in rows:
        same_class = envelope_from_bytes(bytes(row["headers"])).schema == message.envelope.schema
        if same_class and bytes(row["payload"]) != message.value:
            raise Conflict(
                f"{message.envelope.type}: this idempotency key was posted before with another content.",
                hint="A key names one content; use a new one.",
            )
    return bool(rows)
