"""The planted bugs: each is a mistake that systems of this kind really have, at a line that a guarantee is written at.

`make prove-planted` plants them all; docs/guides/planted-bugs.md lists them with the tests that find them.
"""

from __future__ import annotations

from tests.planted.asking_people import ASKING_PEOPLE
from tests.planted.effects import EFFECTS
from tests.planted.handlers import HANDLERS
from tests.planted.items import ITEMS
from tests.planted.json_values import JSON_VALUES
from tests.planted.letters import LETTERS
from tests.planted.on_kafka import ON_KAFKA
from tests.planted.on_postgresql import ON_POSTGRESQL
from tests.planted.order import ORDER
from tests.planted.planting import Plant
from tests.planted.proto_schemas import PROTO_SCHEMAS
from tests.planted.protobuf_values import PROTOBUF_VALUES
from tests.planted.publishing import PUBLISHING
from tests.planted.runs import SEEDED_RUNS
from tests.planted.sagas import SAGAS
from tests.planted.values import VALUES
from tests.planted.versions import VERSIONS
from tests.planted.waiting import WAITING
from tests.planted.watching import WATCHING
from tests.planted.webhooks import WEBHOOKS

PLANTS: dict[str, Plant] = {
    **PUBLISHING,
    **EFFECTS,
    **ORDER,
    **SAGAS,
    **ITEMS,
    **LETTERS,
    **VALUES,
    **JSON_VALUES,
    **PROTO_SCHEMAS,
    **PROTOBUF_VALUES,
    **VERSIONS,
    **HANDLERS,
    **WEBHOOKS,
    **WAITING,
    **ASKING_PEOPLE,
    **WATCHING,
    **SEEDED_RUNS,
    **ON_POSTGRESQL,
    **ON_KAFKA,
}
