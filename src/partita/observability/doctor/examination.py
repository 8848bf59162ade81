"""The whole examination of an app, in the order in which an operator would look."""

from __future__ import annotations

from pathlib import Path

from partita.observability.declarations import Declarations
from partita.observability.doctor.backups import look_at_backups
from partita.observability.doctor.cluster import look_at_cluster
from partita.observability.doctor.databases import SILENT, look_at_databases, look_at_servers
from partita.observability.doctor.machine import look_at_declarations, look_at_folder, look_at_machine
from partita.observability.doctor.services import look_at_services
from partita.topics.health import Finding


async def examine(app: Declarations, data: Path) -> list[Finding]:
    """Every finding. A server that does not answer is asked once; its other findings are reported as unknown."""
    found = [*look_at_machine(), *look_at_declarations(app), *look_at_folder(data)]
    servers = await look_at_servers(app)
    silent = [url for url, findings in servers.items() if any(finding.what == SILENT for finding in findings)]
    found += [finding for findings in servers.values() for finding in findings]
    if data.is_dir() or any(app.settings.store_of(service.name) for service in app.services):
        found += await look_at_databases(app, data, silent)
    found += await look_at_cluster(app)
    found += await look_at_backups(app, data)
    found += await look_at_services(app, data, silent)
    return found
