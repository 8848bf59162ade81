"""Whether two contents under one id have the same meaning, and kept replies as objects: both are read as today's classes.

A deploy that adds an optional field changes the bytes of a command and not its meaning: sent again under its id, by an
idempotency key or by its saga, it is the same request. So does a new version of the command, by its upcaster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.catalog.catalog import Catalog
from partita.catalog.rejection import Rejection, to_struct
from partita.codec.learning import FindSchema, learn_writer
from partita.codec.port import Codec
from partita.errors import Malformed, UnknownSchema
from partita.idempotency.inbox import COUNTS, Candidate
from partita.outbox.outbox import StoredReply, kept_from_bytes
from partita.runtime.path.delivery import decode_value
from partita.schemas.fields.plain_default import NATIVE
from partita.store.inbox import InboxEntry
from partita.store.port import Known


@dataclass(frozen=True, slots=True)
class Meaning:
    """Reads kept contents, with the schemas of their writers."""

    catalog: Catalog
    codec: Codec
    find_schema: FindSchema | None

    async def recognise(self, consumer: str, known: Known, candidates: Sequence[Candidate]) -> None:
        """Give candidates the hash of their mark if it was made of other bytes with the same meaning, so that they are
        copies."""
        first: dict[tuple[str, str], InboxEntry] = {}
        for candidate in candidates:
            if candidate.content is None or candidate.origin is COUNTS:
                continue
            for name in ((consumer, candidate.envelope.id), *candidate.business):
                before = known.marks.get(name) or first.get(name)
                if before is None:
                    first[name] = InboxEntry(candidate.content_hash, "handled", 0, candidate.content)
                elif before.payload_hash != candidate.content_hash and await self.is_same(candidate, before.reply):
                    candidate.known_hash = before.payload_hash

    async def reply(self, kept: StoredReply) -> Any:
        """A kept reply as an object.

        Raises:
            Malformed, UnknownSchema: it can no longer be read.
        """
        return await self._read(kept.type, kept.schema, kept.value)

    async def is_same_reply(self, kept: StoredReply, given: StoredReply) -> bool:
        """Whether an answer is the one that was kept, also where a later version of its class has written it."""
        if (kept.type, kept.schema, kept.value) == (given.type, given.schema, given.value):
            return True
        try:
            before, now = await self.reply(kept), await self.reply(given)
        except (Malformed, UnknownSchema):
            return False
        return type(before) is type(now) and bool(_plain(before) == _plain(now))

    async def is_same(self, candidate: Candidate, content: bytes | None) -> bool:
        """Whether a message that may come again in other bytes has the meaning of the content of a mark."""
        kept = None if content is None or candidate.content is None else kept_from_bytes(content)
        contract = self.catalog.contracts.get(candidate.envelope.type)
        if kept is None or contract is None:
            return False
        envelope = candidate.envelope
        try:
            one = await self._read(contract.in_version(kept.version), kept.schema, kept.value)
            other = await self._read(envelope.type, envelope.schema, candidate.value)
        except (Malformed, UnknownSchema):
            return False
        return bool(_plain(one) == _plain(other))

    async def _read(self, type_name: str, schema: str, value: bytes) -> Any:
        contract = self.catalog.contracts.get(type_name)
        if contract is None:
            raise Malformed(
                f"{type_name} is not declared here any more.", hint="Declare its old shape and an upcaster."
            )
        try:
            return decode_value(contract, schema, value, self.codec)
        except UnknownSchema:
            if not await learn_writer(self.codec, self.find_schema, schema):
                raise
        return decode_value(contract, schema, value, self.codec)


def _plain(value: Any) -> Any:
    """Compared as plain values: a user's class may define another comparison, or none."""
    value = to_struct(value) if isinstance(value, Rejection) else value
    return msgspec.to_builtins(value, builtin_types=NATIVE, order="deterministic")
