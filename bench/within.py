"""Checkouts with the log in the services' database: written by the services' own transactions, and by relays. In one run and in
turn, with the commits of this machine and with commits that a standby confirms after 5 ms, by 1, 2 and 4 processes of the
service that most messages come from.

The two ways differ by a right alone: where the services' user may not write into the log, the relays do it. Every run's effects
are verified.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import psycopg
from cpu import Spent
from ours import WARM, checkouts, launched, median, participants, verify
from place import SERVER, Place, Stage
from servers.postgres import postgres, programs, url
from servers.process import ServerProcess, free_port

WAYS = ("relay", "within")
STANDBY_MS = 5


class Run(NamedTuple):
    """The result of a run: checkouts per second, and the CPU time of each, of all processes together."""

    rate: float
    cpu_us: float


def measured(here: Stage, way: str, processes: int, count: int) -> Run:
    """One run in a new database."""
    with here.place() as empty:
        where = _with_rights(empty, way)
        with participants(where) as children, launched(where, processes - 1) as more:
            pids = {str(child.pid): child.pid for child in [*children, *more]}
            spent = Spent({**pids, "self": os.getpid(), **where.servers})
            rate = asyncio.run(checkouts(count, where, spent))
            cpu = spent.us_each(count)
        verify([WARM, count], where)
        written = empty.number("orders", "SELECT count(*) FROM partita_log.record WHERE writer IS NOT NULL")
        assert (written > 0) == (way == "within"), f"{written} records were written by services themselves"
    return Run(rate, sum(cpu.values()))


def _with_rights(empty: Place, way: str) -> Place:
    """A place whose services have a user of their own, which may write into the log or only read it."""
    name = empty.store.rpartition("/")[2]
    with psycopg.connect(empty.store, autocommit=True) as server:
        for user in WAYS:
            if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone():
                server.execute(f"CREATE ROLE {user} LOGIN {'SUPERUSER' if user == 'within' else ''}")
        server.execute(f"GRANT CREATE ON DATABASE {name} TO relay")
        server.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO relay")
    return Place(empty.data, empty.store.replace("postgres@", f"{way}@"), empty.bus, empty.servers)


@contextlib.contextmanager
def server(standby: bool) -> Iterator[Stage]:
    """A PostgreSQL on loopback, alone or with a standby that confirms each commit when it has applied it, after 5 ms."""
    folder = Path(tempfile.mkdtemp(prefix="partita-bench-within-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        port = free_port()
        options = {"synchronous_standby_names": "'*'", "synchronous_commit": "remote_apply"} if standby else {}
        primary = postgres(folder / "primary", port, **SERVER)
        primary.start()
        undo.callback(primary.stop)
        if standby:
            follower = _standby(folder / "standby", port)
            follower.start()
            undo.callback(follower.stop)
            with psycopg.connect(url(port), autocommit=True) as connection:
                for name, value in options.items():
                    connection.execute(f"ALTER SYSTEM SET {name} TO {value}")
                connection.execute("SELECT pg_reload_conf()")
        assert primary.child is not None
        yield Stage("postgres", url(port), pids={"PostgreSQL": primary.child.pid})


def _standby(folder: Path, of_port: int) -> ServerProcess:
    where = programs()
    assert where is not None
    folder.mkdir()
    as_user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    command = [
        where / "pg_basebackup",
        "-h",
        "127.0.0.1",
        "-p",
        str(of_port),
        "-U",
        "postgres",
        "-D",
        folder / "data",
        "-R",
    ]
    subprocess.run(command, cwd=folder, check=True, **as_user)  # type: ignore[call-overload]  # of two kinds of values
    return postgres(folder, free_port(), **SERVER, recovery_min_apply_delay=f"{STANDBY_MS}ms")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--processes", default="1,2,4")
    parser.add_argument("--commits", default="disk,standby")
    options = parser.parse_args()
    print(
        f"{'commits':<10}{'processes':>10}{'way':>10}{'checkouts/s':>14}{'CPU us':>10}   (median rate, least CPU; each run)"
    )
    for commits in options.commits.split(","):
        with server(commits == "standby") as here:
            for processes in map(int, options.processes.split(",")):
                runs: dict[str, list[Run]] = {way: [] for way in WAYS}
                for _ in range(options.runs):
                    for way in WAYS:
                        runs[way].append(measured(here, way, processes, options.count))
                for way in WAYS:
                    rates = [run.rate for run in runs[way]]
                    each = " ".join(f"{run.rate:.0f}/{run.cpu_us:.0f}" for run in runs[way])
                    cpu = min(run.cpu_us for run in runs[way])
                    print(
                        f"{commits:<10}{processes:>10}{way:>10}{median(rates):>14,.0f}{cpu:>10,.0f}   {each}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
