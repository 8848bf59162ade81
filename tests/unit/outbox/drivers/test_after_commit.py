"""The notice of a commit by the libraries that run a user's transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integration.foreign_hands import HANDS


def test_a_session_tells_once_of_its_commit_and_not_of_a_savepoints() -> None:
    """However many events it takes, and however often it is rolled back: a session may live as long as its program."""
    alchemy = pytest.importorskip("sqlalchemy")
    from sqlalchemy.orm import Session

    from partita.outbox.drivers.sqlalchemy import SqlalchemyDriver

    told: list[int] = []

    def tell() -> None:
        told.append(1)

    with Session(alchemy.create_engine("sqlite://")) as session:
        driver = SqlalchemyDriver(session)
        for _ in range(50):
            driver.after_commit(tell)
            session.rollback()
        assert len(list(session.dispatch.after_commit)) == 1
        driver.after_commit(tell)
        driver.after_commit(tell)
        with session.begin_nested():
            session.execute(alchemy.text("SELECT 1"))
        assert told == []
        session.commit()
        assert told == [1]
        session.execute(alchemy.text("SELECT 1"))
        session.commit()
        assert told == [1], "nothing was added since"


def test_django_without_autocommit_takes_the_event(tmp_path: Path) -> None:
    """Outside an atomic block Django gives no notice of a commit; the relays poll twice a second by themselves."""
    pytest.importorskip("django")
    hand: Any = HANDS["django-sqlite"][1](str(tmp_path / "s.db"))
    from partita.outbox.drivers.django import DjangoDriver

    hand.where.set_autocommit(False)
    try:
        DjangoDriver(hand.where).after_commit(lambda: None)
    finally:
        hand.where.close()
