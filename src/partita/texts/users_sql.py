"""SQL of a user that runs in a transaction of Partita's: a statement that would end it is refused, on every database.

The marks, the outbox rows and the user's own rows commit together or not at all; a COMMIT in between would separate them.
"""

from __future__ import annotations

import re
from typing import NoReturn

from partita.errors import PartitaError, StoreUnavailable

SHOWN = 80
# As SQLite and PostgreSQL read it: they skip empty statements and comments before the first word, and a byte
# order mark. Possessive, so that a comment ends at its first end, and many comments cost no more than their length.
_COMMENT = r"--[^\n]*+|/\*(?:(?!\*/).)*+(?:\*/)?"
_BEFORE = rf"(?>[\s;\ufeff]|{_COMMENT})*+"
_BETWEEN = rf"(?>\s|{_COMMENT})++"
_ENDS = rf"BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE{_BETWEEN}TRANSACTION|ATTACH|DETACH|VACUUM"
# Their effect outlives the transaction, on a connection that other code uses next.
_LASTS = rf"PRAGMA|PREPARE|LISTEN|UNLISTEN|DISCARD|RESET|SET(?!{_BETWEEN}(?:LOCAL|CONSTRAINTS)\b)"
ENDS = re.compile(rf"{_BEFORE}({_ENDS})\b", re.I | re.S)
NOT_FOR_HANDLERS = re.compile(rf"{_BEFORE}({_ENDS}|{_LASTS})\b", re.I | re.S)


def ends_transaction(statement: str) -> bool:
    """Whether a statement would end the transaction that it runs in."""
    return ENDS.match(statement) is not None


def check_of_handler(sql: str) -> None:
    """Refuse a handler's statement that would end the transaction of Partita's own rows, or change the connection
    for its next users.

    Raises:
        PartitaError: names the word that it begins with.
    """
    found = NOT_FOR_HANDLERS.match(sql)
    if found is not None:
        raise PartitaError(
            f"{found[1].upper()} is not for handlers: {sql.strip()[:SHOWN]}",
            hint="The transaction begins before the handler and commits after it; raise to undo it.",
        )


def ended_within(where: object) -> NoReturn:
    """Refuse a transaction that ended before its block: some code used the connection itself.

    Raises:
        StoreUnavailable: always.
    """
    raise StoreUnavailable(
        f"{where}: the transaction ended within its block.",
        hint="COMMIT and ROLLBACK are not for handlers: the block's end commits.",
    )
