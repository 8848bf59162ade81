"""`Answering`: the answer to a pending command, checked and kept in the transaction with which it leaves.

The first answer counts. It leaves with the address, the correlation and the causation of its command, as if the command's
handler had returned it. The row of the command is locked, so of two answers, or of an answer and an undo, the second sees
the first; an undo that is first has handled the step before the answer is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from partita.catalog.catalog import Catalog
from partita.catalog.contract import contract_of, version_in
from partita.catalog.rejection import Rejection, to_struct
from partita.codec.port import Codec
from partita.errors import Conflict, Malformed, NotFound, Overtaken, PartitaError, Pending
from partita.message import Envelope, envelope_from_bytes
from partita.outbox.outbox import Kept, StoredReply, kept_to_bytes, reply_from_bytes, stored_to_bytes
from partita.runtime.path.delivery import Delivery, Output
from partita.runtime.path.same_meaning import Meaning
from partita.store.pending import PendingCommand
from partita.store.port import Session, Store

PENDING = "pending"
"""The outcome of a command whose answer comes later."""
BUSINESS = msgspec.msgpack.Decoder(list[tuple[str, str]])
"""Reads the other marks of a pending command: (consumer, business key)."""


def not_yet(type_name: str, reply_to: str) -> Pending:
    """The error for the sender of a command whose answer comes later."""
    return Pending(
        f"{type_name} {reply_to} is kept, and its answer comes later.",
        reply_to=reply_to,
        hint="It is answered by tx.reply or app.reply; sent again with its idempotency key it then gives the answer.",
    )


def not_pending(reply_to: str, where: str) -> NotFound:
    """The error for an id under which no command waits."""
    return NotFound(
        f"No command waits for an answer under {reply_to!r:.120} in {where}.",
        hint="The id is meta.reply_to of its handler. One that was answered is known for as long as the service's window_s.",
    )


async def keep_answer(
    session: Session, group: str, row: PendingCommand, given: StoredReply, by: str, now_us: int
) -> Envelope:
    """Close a pending command with its answer, also in its marks: a copy of the command is given the same. Returns the command's
    envelope."""
    await session.pending.answer(row.reply_to, stored_to_bytes(given), by, now_us)
    envelope = envelope_from_bytes(row.headers)
    outcome = "refused" if given.kind == "refusal" else "handled"
    kept = kept_to_bytes(Kept(envelope.schema, row.value, given, version_in(row.type)[1]))
    for consumer, name in [(group, row.reply_to), *BUSINESS.decode(row.business)]:
        await session.inbox.renew(consumer, [(name, outcome, kept)], now_us)
    return envelope


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers the pending commands of one service."""

    group: str
    store: Store
    catalog: Catalog
    codec: Codec
    meaning: Meaning
    carried_out: Mapping[str, str] = field(default_factory=dict)  # type of a command -> the saga that carries it out

    async def answer(self, session: Session, reply_to: str, answer: Any, by: str) -> Output | None:
        """Keep the answer and return it as it leaves; None = it is the answer that the command has already.

        Raises:
            NotFound: no command waits under this id. Conflict: it has another answer. Overtaken: its step was undone.
            PartitaError: the command is not answered by this class. Malformed: see the codec.
        """
        row = await session.pending.hold(reply_to) if isinstance(reply_to, str) else None
        if row is None:
            raise not_pending(reply_to, self.group)
        if row.type in self.carried_out:
            raise Conflict(
                f"{row.type} {reply_to} is carried out by saga {self.carried_out[row.type]} {row.key}, which answers it.",
                hint="Nothing was sent. `partita saga show` says how far it is.",
            )
        given = self._stored(row, answer)
        if row.state == "undone":
            raise Overtaken(
                f"{row.type} {reply_to} was undone by saga {row.saga} {row.saga_id} before this answer came.",
                hint="The saga goes on without it; nothing was sent.",
            )
        if row.state == "answered":
            await self._check_same(row, given)
            return None
        envelope = await keep_answer(session, self.group, row, given, by, await self.store.now_us())
        cause = Delivery(envelope, row.topic, row.key, row.value)
        return Output(contract_of(type(answer)), answer, given.kind, cause, envelope.saga)

    def _stored(self, row: PendingCommand, answer: Any) -> StoredReply:
        command = self.catalog.contracts.get(row.type)
        if command is None or command.newest.reply is None:
            raise Malformed(
                f"{row.type} is not declared here any more.", hint="Declare it, or its old shape and an upcaster."
            )
        reply, refusals = command.newest.reply, command.newest.refusals
        if type(answer) is not reply and type(answer) not in refusals:
            names = ", ".join(each.__name__ for each in (reply, *refusals))
            raise PartitaError(
                f"{command.name} was answered with {type(answer).__name__}, which is no answer to it.",
                hint=f"An instance of: {names}.",
            )
        contract = contract_of(type(answer))
        kind = "refusal" if isinstance(answer, Rejection) else "reply"
        value = to_struct(answer) if isinstance(answer, Rejection) else answer
        return StoredReply(contract.full_name, kind, *self.codec.encode(contract.shape, value))

    async def _check_same(self, row: PendingCommand, given: StoredReply) -> None:
        assert row.answer is not None
        first = reply_from_bytes(row.answer)
        if not await self.meaning.is_same_reply(first, given):
            by = f" by {row.by}" if row.by else ""
            raise Conflict(
                f"{row.type} {row.reply_to} was answered before with {first.type}{by}; the first answer counts.",
                hint="Nothing was sent.",
            )
