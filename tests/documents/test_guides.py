"""The guide's plan of topics is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from partita.topics.declared import declared_topics

ROOT = Path(__file__).resolve().parents[2]


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
