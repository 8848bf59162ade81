"""Deletion: first softly, then for ever; a version that others refer to stays."""

from __future__ import annotations

from partita.registry_server.configuration import check_writable
from partita.registry_server.ledger import Ledger
from partita.registry_server.refusal import (
    no_subject,
    no_version,
    referenced,
    subject_deleted_already,
    subject_not_deleted,
    version_deleted_already,
    version_not_deleted,
)


async def delete_subject(ledger: Ledger, subject: str, *, permanent: bool) -> list[int]:
    """Delete a subject, and return the numbers of its versions.

    Raises:
        Refusal: it does not exist, is in another state than the deletion needs, or other subjects refer to it.
    """
    versions = await ledger.versions(subject)
    live = [each for each in versions if not each.deleted]
    if not versions:
        raise no_subject(subject)
    if not permanent and not live:
        raise subject_deleted_already(subject)
    await check_writable(ledger, subject)
    for each in versions if permanent else live:
        referrers = await ledger.referrers(subject, each.version)
        if any(other.subject != subject and (permanent or not other.deleted) for other in referrers):
            raise referenced(subject, each.version)
    if not permanent:
        await ledger.hide(live)
        return [each.version for each in live]
    if live:
        raise subject_not_deleted(subject)
    await ledger.purge(versions)
    await ledger.unset_all(subject)
    return [each.version for each in versions]


async def delete_version(ledger: Ledger, subject: str, number: int, *, permanent: bool) -> int:
    """Delete a version (-1 = the latest one), and return its number.

    Raises:
        Refusal: as `delete_subject`.
    """
    versions = await ledger.versions(subject)
    if not versions:
        raise no_subject(subject)
    live = [each for each in versions if not each.deleted]
    candidates = (live if not permanent and live else versions) if number == -1 else versions
    found = next((each for each in reversed(candidates) if number in (-1, each.version)), None)
    if found is None:
        raise no_version(number)
    if found.deleted and not permanent:
        raise version_deleted_already(subject, found.version)
    await check_writable(ledger, subject)
    if any(permanent or not other.deleted for other in await ledger.referrers(subject, found.version)):
        raise referenced(subject, found.version)
    if not permanent:
        await ledger.hide([found])
        return found.version
    if not found.deleted:
        raise version_not_deleted(subject, found.version)
    await ledger.purge([found])
    if len(versions) == 1:
        await ledger.unset_all(subject)
    return found.version
