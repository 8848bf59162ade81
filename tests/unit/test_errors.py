"""A code that is printed names one error."""

from __future__ import annotations

from collections import Counter

from partita import errors
from partita.errors import PartitaError


def test_no_two_errors_share_a_code() -> None:
    """Subclasses in other modules count as well; a class without a code of its own has its parent's."""
    own = [each for each in everything(PartitaError) if "code" in vars(each)]
    assert len(own) > 10
    shared = [code for code, count in Counter(vars(each)["code"] for each in own).items() if count > 1]
    assert not shared, [(each.__name__, each.code) for each in own if each.code in shared]
    assert set(own) >= {errors.StoreContended, errors.MigrationPending}


def everything(kind: type[PartitaError]) -> set[type[PartitaError]]:
    """An error and all that are kinds of it."""
    return {kind}.union(*(everything(each) for each in kind.__subclasses__()))
