"""The whole examination of an app, in the order in which an operator would look."""

from __future__ import annotations

from pathlib import Path

from partita.observability.declarations import Declarations
from partita.observability.doctor.absent import check_absent
from partita.observability.doctor.backups import check_backups
from partita.observability.doctor.cluster import check_cluster
from partita.observability.doctor.databases import SILENT, check_databases, check_servers
from partita.observability.doctor.machine import check_declarations, check_folder, check_machine
from partita.observability.doctor.registry import check_registry
from partita.observability.doctor.services import check_services
from partita.topics.health import Finding


async def examine(app: Declarations, data: Path) -> list[Finding]:
    """Every finding. A server that does not answer is asked once; its other findings are reported as unknown."""
    found = [*check_machine(), *check_declarations(app), *check_absent(app), *check_folder(data)]
    servers = await check_servers(app)
    silent = [url for url, findings in servers.items() if any(finding.what == SILENT for finding in findings)]
    found += [finding for findings in servers.values() for finding in findings]
    if data.is_dir() or any(app.settings.store_of(service.name) for service in app.services):
        found += await check_databases(app, data, silent)
    found += await check_cluster(app)
    found += await check_registry(app)
    found += await check_backups(app, data)
    found += await check_services(app, data, silent)
    return found
