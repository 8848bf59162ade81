"""Topics changed to their declaration: without an audit the operator gets a message, also when the cluster fails
midway."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from partita import App, Event, Key, Service, Settings
from partita.bus.administration import Administration
from partita.bus.port import TopicSpec
from partita.errors import BusUnavailable
from partita.operators.topics import bring
from partita.topics.drift import Difference


class Brokers:
    """A cluster that creates topics, or breaks meanwhile."""

    where = "kafka://broker"

    def __init__(self, *, broken: bool) -> None:
        self._broken = broken

    async def create(self, topics: list[TopicSpec]) -> None:
        """The outcome is unknown."""
        if self._broken:
            raise BusUnavailable("No broker answers.")


@pytest.mark.parametrize("broken", [True, False])
async def test_a_change_without_an_audit_is_said(tmp_path: Path, broken: bool) -> None:
    """There is no database yet that could keep the entry."""
    clock = Service("clock", namespace="clock")

    class Ticked(Event, of=clock):
        id: Key[str]

    app = App(clock, settings=Settings(data=tmp_path))
    found = [Difference(topic="clock.events", what="topic", declared="4 partitions", found="no", remedy="create")]
    cluster: Any = Brokers(broken=broken)
    said: list[str] = []
    going = bring(app, tmp_path, cast(Administration, cluster), found, (), reason="", by="ann", unaudited=said.append)
    if broken:
        with pytest.raises(BusUnavailable):
            await going
    else:
        await going
    assert said == ["the databases do not exist yet (--data names the folder)"]
