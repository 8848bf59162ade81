"""The README's example runs and the guide's plan of topics is one, and what they link to exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

from partita import Settings
from partita.topics.declared import declared_topics

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


(EXAMPLE,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_example_ends_as_the_readme_says(tmp_path: Path) -> None:
    """Word for word as a newcomer would copy it and run it, and run it again."""
    (tmp_path / "example.py").write_text(EXAMPLE, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}

    def run() -> list[str]:
        command = [sys.executable, "example.py"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0 and not done.stderr, done.stderr
        return sorted(done.stdout.splitlines())

    assert run() == ["OrderCancelled(order_id='2', reason='OutOfStock')", "OrderConfirmed(order_id='1')"]
    assert "`OrderCancelled(reason='OutOfStock')`" in README
    assert run() == []


async def test_the_example_cancels_where_the_stock_does_not_answer(tmp_path: Path) -> None:
    """And what was taken goes back, though it is taken after the time."""
    module: Any = types.ModuleType("readme")
    sys.modules["readme"] = module
    exec(compile(EXAMPLE, "README.md", "exec"), module.__dict__)
    app = module.app.configured(Settings(data=tmp_path, time_scale=0.01))

    async def status() -> str:
        async with app.store("orders").reading() as session:
            return "".join(row.status for row in await session.sagas.find())

    async with app.running(services=["orders"]):
        await app.send(module.PlaceOrder(order_id="o1", sku="tea"))
        while await status() != "compensating":
            await app.system.clock.sleep(0.01)
    async with app.running():
        await app.settled()
        assert await status() == "undone"
        async with app.store("stock").reading() as session:
            assert [dict(row) for row in await session.fetch("SELECT * FROM stock", {})] == [{"sku": "tea", "free": 1}]
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
