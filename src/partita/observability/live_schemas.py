"""The live schemas of an app's databases: the migrations of each, and its differences from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from partita.assembly.migrations import OWN
from partita.migrations.migration import Migrations, Standing


@dataclass(frozen=True, slots=True)
class SchemaFinding:
    """A difference between a schema and its migrations: the part (`what`), its expected and its found definition."""

    name: str
    what: str
    expected: str
    found: str


async def standings(schemas: Mapping[str, Migrations]) -> dict[str, Standing]:
    """The migrations that each schema has."""
    return {name: await schema.standing() for name, schema in schemas.items()}


async def schema_findings(schemas: Mapping[str, Migrations]) -> list[SchemaFinding]:
    """All differences. A schema that lacks migrations, or has newer ones, is not compared further."""
    found: list[SchemaFinding] = []
    for name, standing in (await standings(schemas)).items():
        if standing.state == "current":
            found += [SchemaFinding(name, *deviation) for deviation in await schemas[name].check()]
            continue
        newer = f"newer than this {'app' if name.endswith(OWN) else 'Partita'}"
        said = newer if standing.state == "newer" else f"{standing.pending} pending"
        found.append(SchemaFinding(name, "migrations", f"{standing.known} applied", said))
    return found
