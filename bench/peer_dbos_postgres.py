"""The peer on PostgreSQL: the same checkout on DBOS, with transactional steps (a guarantee equal to ours) or with steps
that do nothing (what its engine alone can do), at its best of several numbers of processes and threads."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

TABLES = """
CREATE TABLE orders (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL, status TEXT NOT NULL);
CREATE TABLE reservation (order_id TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE payment (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL);
"""
WARM = 10


def checkout(url: str, kind: str) -> Callable[[str, int], str]:
    """The workflow, with steps of this kind."""
    from dbos import DBOS, SQLAlchemyDatasource
    from sqlalchemy import text

    if kind == "transactional":
        engine = {"pool_size": 40, "max_overflow": 10}
        store = SQLAlchemyDatasource.create(database_url=url, engine_kwargs=engine)
        # Its default is SERIALIZABLE; ours runs at READ COMMITTED.
        step: Callable[[Any], Any] = store.transaction(isolation_level="READ COMMITTED")

        def write(sql: str, **values: Any) -> None:
            store.sql_session().execute(text(sql), values)

    else:
        step = DBOS.step()

        def write(sql: str, **values: Any) -> None:
            """Nothing."""

    @step
    def place(order: str, cents: int) -> None:
        write("INSERT INTO orders VALUES (:o, :c, 'PLACED')", o=order, c=cents)

    @step
    def reserve(order: str) -> None:
        write("INSERT INTO reservation VALUES (:o, 'RESERVED')", o=order)

    @step
    def charge(order: str, cents: int) -> bool:
        if cents % 10 == 0:
            return False
        write("INSERT INTO payment VALUES (:o, :c)", o=order, c=cents)
        return True

    @step
    def release(order: str) -> None:
        write("UPDATE reservation SET state = 'RELEASED' WHERE order_id = :o", o=order)

    @step
    def end(order: str, status: str) -> None:
        write("UPDATE orders SET status = :s WHERE order_id = :o", s=status, o=order)

    @DBOS.workflow()
    def run(order: str, cents: int) -> str:
        place(order, cents)
        reserve(order)
        if charge(order, cents):
            end(order, "CONFIRMED")
            return "CONFIRMED"
        release(order)
        end(order, "CANCELLED")
        return "CANCELLED"

    return run


def work(url: str, kind: str, count: int, share: str, threads: int) -> None:
    """A worker process: prints that it is ready, runs its share on a signal, prints how many checkouts it confirmed."""
    from dbos import DBOS

    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "sys_db_pool_size": 40,
            "log_level": "ERROR",
            "executor_id": share,
        }
    )
    run = checkout(url, kind)
    DBOS.launch()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda n: run(f"{share}-w{n}", 1), range(WARM)))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        ends = list(pool.map(lambda n: run(f"{share}-{n}", n), range(count)))
    sys.stdout.write(f"{ends.count('CONFIRMED')} {ends.count('CANCELLED')}\n")
    sys.stdout.flush()
    DBOS.destroy()


def measure(url: str, kind: str, count: int, processes: int, threads: int) -> float:
    """Checkouts per second; every effect is verified."""
    share = count // processes
    name = f"{kind}{processes}x{threads}-{int(time.time())}"
    workers = []
    for n in range(processes):
        options = ["--worker", f"{name}.{n}", "--count", str(share), "--threads", str(threads), "--kind", kind, url]
        workers.append(
            subprocess.Popen(
                [sys.executable, __file__, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
        # One after the other: the first one makes the tables of the engine.
        _line(workers[-1])
    begun = time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    ends = [[int(word) for word in _line(worker).split()] for worker in workers]
    rate = share * processes / (time.perf_counter() - begun)
    for worker in workers:
        worker.communicate(timeout=60)
    declined = len(range(0, share, 10))
    assert all(end == [share - declined, declined] for end in ends), ends
    if kind == "transactional":
        verify(url, name, (share + WARM - declined) * processes, declined * processes)
    return rate


def verify(url: str, name: str, confirmed: int, cancelled: int) -> None:
    """Confirmed = paid = reserved, cancelled = released."""
    questions = (
        ("SELECT count(*) FROM orders WHERE status = 'CONFIRMED' AND starts_with(order_id, %s)", confirmed),
        ("SELECT count(*) FROM payment WHERE starts_with(order_id, %s)", confirmed),
        ("SELECT count(*) FROM reservation WHERE state = 'RESERVED' AND starts_with(order_id, %s)", confirmed),
        ("SELECT count(*) FROM orders WHERE status = 'CANCELLED' AND starts_with(order_id, %s)", cancelled),
        ("SELECT count(*) FROM reservation WHERE state = 'RELEASED' AND starts_with(order_id, %s)", cancelled),
    )
    with psycopg.connect(url) as server:
        for question, expected in questions:
            found = server.execute(question, (name,)).fetchone()
            assert found == (expected,), (question, found, expected)


def _line(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"a worker of DBOS ended with {worker.wait()}")
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="an empty database")
    parser.add_argument("--kind", choices=("transactional", "noop"), default="transactional")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--at", default="1x8,1x16,2x8", help="processes x threads; the best of them counts")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.url, options.kind, options.count, options.worker, options.threads)
        return
    with psycopg.connect(options.url) as server:
        server.execute(TABLES)
    rates: dict[str, float] = {}
    for at in options.at.split(","):
        processes, threads = (int(number) for number in at.split("x"))
        rates[at] = measure(options.url, options.kind, options.count, processes, threads)
        sys.stderr.write(f"{at}: {rates[at]:.1f}\n")
    best = max(rates, key=lambda at: rates[at])
    sys.stdout.write(f"{best} {rates[best]:.1f}\n")


if __name__ == "__main__":
    main()
