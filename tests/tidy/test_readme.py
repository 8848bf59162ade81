"""The README's example runs and the guide's plan of topics is one, and what they link to exists."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

from partita import Settings
from partita.topics.declared import declared_topics

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


async def test_the_example_places_confirms_and_cancels(tmp_path: Path) -> None:
    """Word for word as a newcomer would copy it."""
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    module: Any = types.ModuleType("readme")
    sys.modules["readme"] = module
    exec(compile(source, "README.md", "exec"), module.__dict__)
    app = module.app.configured(Settings(data=tmp_path))
    async with app.running():
        async with app.store("stock").transaction() as session:
            await session.execute("INSERT INTO stock VALUES ('tea', 1)", {})
        for order in ("o1", "o2"):
            await app.send(module.PlaceOrder(order_id=order, sku="tea"))
        await app.settled()
        async with app.store("orders").reading() as session:
            found = sorted(row.status for row in await session.sagas.find())
        assert found == ["completed", "undone"]
    del sys.modules["readme"]


def test_the_plan_of_the_guide_says_what_the_guide_says() -> None:
    """A size for a topic that there is not would be refused at the start of whoever copied it."""
    guide = (ROOT / "docs/guides/running.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"```python\n(# sized.py\n.*?)```", guide, re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(source, "sized.py", "exec"), found)
    topics = {t.name: t for t in declared_topics(found["app"].catalog, found["app"].topics)}
    assert {t.replication for t in topics.values()} == {3} and {t.min_insync for t in topics.values()} == {2}
    sizes = {name: topics[f"shop.{name}"].partitions for name in ("order.events", "order.commands", "payment.events")}
    assert sizes == {"order.events": 24, "order.commands": 12, "payment.events": 4}


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
