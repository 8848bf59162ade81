"""The database's errors as errors of the bus."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from partita.errors import BusRefused, BusUnavailable, StoreRefused, StoreUnavailable


@contextlib.contextmanager
def of_the_bus() -> Iterator[None]:
    """Turn errors of the database inside the block into errors of the bus.

    Raises:
        BusUnavailable: instead of StoreUnavailable. BusRefused: instead of StoreRefused.
    """
    try:
        yield
    except StoreUnavailable as error:
        kind = BusRefused if isinstance(error, StoreRefused) else BusUnavailable
        raise kind(*error.args, hint=error.hint) from error
