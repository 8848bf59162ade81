"""The reasons why an app is stuck, read from its databases while no process runs, also for instances that this
process cannot read."""

from __future__ import annotations

from pathlib import Path

from tests.integration.sagas.test_saga_runs import Shop
from tests.waiting import until

from partita.observability.declarations import sagas_of
from partita.observability.instances import instances_of, the_instance
from partita.observability.reach import looking
from partita.observability.stuck import Stuck, stuck


async def begun(folder: Path) -> Shop:
    """A shop with two checkouts that wait for a bank which does not run."""
    shop = Shop(folder)
    async with shop.app.running(services=["orders", "stock"]):
        await shop.app.send(shop.Place(id="o1"))
        await shop.app.send(shop.Place(id="o2"))

        async def both_wait() -> bool:
            async with shop.app.store("orders").reading() as session:
                return [row.step for row in await session.sagas.find()] == ["charge", "charge"]

        await until(both_wait)
    return shop


async def answers(shop: Shop, key: str | None = None) -> list[Stuck]:
    async with looking(shop.app, shop.app.settings.data) as sight:
        found = await stuck(shop.app, sight, key)
        assert sight.unknown == {}
        return [each for each in found if each.kind == "saga"]


async def test_each_instance_says_what_it_waits_for(tmp_path: Path) -> None:
    shop = await begun(tmp_path)
    found = await answers(shop)
    assert sorted((each.service, each.subject) for each in found) == [("orders", "o1"), ("orders", "o2")]
    assert all("waits" in each.why and "for Charged" in each.why for each in found)
    assert [each.subject for each in await answers(shop, "o2")] == ["o2"]


async def test_an_instance_of_an_undeclared_version_does_not_hide_the_others(tmp_path: Path) -> None:
    """An older deployment still runs: the question used to end with an error, and listed nothing."""
    shop = await begun(tmp_path)
    await changed(shop, "UPDATE saga SET definition_version = 7 WHERE saga_id = 'o1'")
    found = {each.subject: each.why for each in await answers(shop)}
    assert "version 7, which is not declared here" in found["o1"] and "for Charged" in found["o2"]


async def test_an_instance_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    shop = await begun(tmp_path)
    await changed(shop, "UPDATE saga SET data = X'C1' WHERE saga_id = 'o1'")
    found = {each.subject: each.why for each in await answers(shop)}
    assert "its state cannot be read" in found["o1"] and "for Charged" in found["o2"]


async def test_an_instance_is_found_with_its_history(tmp_path: Path) -> None:
    shop = await begun(tmp_path)
    async with looking(shop.app, shop.app.settings.data, with_bus=False) as sight:
        (found,) = await instances_of(sight.stores, sagas_of(shop.app), "o1")
        assert (found.service, found.row.saga, found.row.step) == ("orders", "Checkout", "charge")
        assert [entry.kind for entry in found.history][:2] == ["started", "done"]
        assert await the_instance(sight.stores, sagas_of(shop.app), "o1", "Checkout") == found
        assert await instances_of(sight.stores, sagas_of(shop.app), "o1", "Other") == []


async def changed(shop: Shop, statement: str) -> None:
    """Change a row as a newer or a broken process would have left it."""
    async with shop.app.running(services=["orders"], roles=()):
        async with shop.app.store("orders").transaction() as session:
            await session.execute(statement, {})
