"""Start and stop the development servers: `python -m servers start|status|stop`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from servers.kafka import kafka
from servers.postgres import postgres, url
from servers.process import ServerFailed, end, pid_of

HOME = Path(__file__).resolve().parents[1] / ".servers"
POSTGRES_PORT, KAFKA_PORT = 25432, 21192


def start() -> None:
    """Start what does not run yet, and say where it is."""
    for folder in (HOME / "postgres", HOME / "kafka"):
        print(f"starting {folder.name} ..." if pid_of(folder) is None else f"{folder.name} runs already", flush=True)
        if pid_of(folder) is None:
            (postgres(folder, POSTGRES_PORT) if folder.name == "postgres" else kafka(folder, [KAFKA_PORT])).start()
    status()
    print(
        f"\nThe shop on them:  .venv/bin/partita demo --store {url(POSTGRES_PORT)} --bus kafka://127.0.0.1:{KAFKA_PORT}"
        "\nStop just these:   make servers-stop"
    )


def status() -> None:
    """Where they are, and whether they run."""
    for name, where in (("postgres", url(POSTGRES_PORT)), ("kafka", f"kafka://127.0.0.1:{KAFKA_PORT}")):
        pid = pid_of(HOME / name)
        print(f"{name:<9} {where:<52} {'stopped' if pid is None else f'pid {pid}'}")


def stop() -> None:
    """Stop what `start` started here, and nothing else."""
    for name, number in (("kafka", signal.SIGTERM), ("postgres", signal.SIGINT)):
        print(f"{name} stopped" if end(HOME / name, number) else f"{name} does not run")


def main() -> int:
    """The command line."""
    actions = {"start": start, "status": status, "stop": stop}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        print(f"usage: python -m servers {'|'.join(actions)}")
        return 2
    try:
        actions[sys.argv[1]]()
    except ServerFailed as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
