"""The files around the code of a project: the app, its commands, its packaging and the page for its readers."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.skeleton.blueprint import Blueprint
from partita.design.skeleton.code import call, imported, words_of
from partita.design.skeleton.file import FilledFile, WholeFile
from partita.design.skeleton.filling import inert
from partita.design.skeleton.names import variable_of
from partita.design.skeleton.outcomes import value_of
from partita.design.skeleton.streams import arithmetic
from partita.exports.declaring.python_text import docstring, literal, variable_name

_MOMENT = '''"""The time of a message, for events that say when they happened."""

import datetime as dt

from partita import Meta


def moment(meta: Meta) -> dt.datetime:
    """The time at which the handled message was sent, to the millisecond."""
    return dt.datetime.fromtimestamp(meta.occurred_us // 1_000 / 1_000, dt.UTC)
'''
_IGNORED = """# The databases and the log of `partita run`
.partita/

__pycache__/
*.py[cod]
.venv/
.mypy_cache/
build/
dist/
*.egg-info/
"""
_MAKEFILE = """.PHONY: check test demo faults run schemas catalog

PYTHON ?= python

check: ## everything that CI asks: types, the design's promises, the lints
	$(PYTHON) -m mypy
	$(PYTHON) -m {runner}
	partita flow check
	partita catalog lint --strict
	partita doctor

test: ## a test for each outcome: no server, and no waiting
	$(PYTHON) -m {runner}

demo: ## every outcome once, and what happened
	$(PYTHON) -m {package}.demo

faults: ## every saga under faults that dice choose, several at once: make faults SEEDS=200
	$(PYTHON) -m {package}.faults --seeds $(or $(SEEDS),20)

run: ## all services on the embedded tier, until Ctrl-C
	partita run

schemas: ## the schemas of all messages as files: Avro, and what each is in JSON Schema and Protobuf
	partita schema export schemas
	partita export asyncapi asyncapi.json

catalog: ## the messages with their parties, versions and examples
	partita catalog list
"""
_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{project}"
version = "0.1.0"
description = "A system designed and begun with Partita"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["partita"]

[project.optional-dependencies]
servers = ["partita[postgres,kafka]"]
dev = ["mypy"]

[tool.hatch.build.targets.wheel]
packages = ["{package}"]

# The app that each `partita` command is about, in this folder and below.
[tool.partita]
app = "{package}.app:app"

[tool.ruff]
line-length = 120

[tool.mypy]
strict = true
packages = ["{package}", "tests"]
"""
_COMPOSE = """# A PostgreSQL and a Kafka to develop against: docker compose up --wait
# Both listen on this machine only, and neither asks for a password: they are no servers for anything that matters.
services:
  postgres:
    image: postgres:17
    environment:
      POSTGRES_USER: {package}
      POSTGRES_DB: {package}
      POSTGRES_HOST_AUTH_METHOD: trust
    ports: ["127.0.0.1:5432:5432"]
    volumes: ["postgres:/var/lib/postgresql/data"]
    healthcheck:
      test: [CMD, pg_isready, -U, {package}, -d, {package}]
      interval: 2s
      timeout: 5s
      retries: 30

  kafka:
    image: apache/kafka:4.1.1
    environment:
      KAFKA_NODE_ID: "1"
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka:9093
      KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://127.0.0.1:9092
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false"
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1"
      KAFKA_LOG_DIRS: /var/lib/kafka/data
    ports: ["127.0.0.1:9092:9092"]
    volumes: ["kafka:/var/lib/kafka/data"]
    healthcheck:
      test: [CMD, /opt/kafka/bin/kafka-broker-api-versions.sh, --bootstrap-server, "127.0.0.1:9092"]
      interval: 5s
      timeout: 15s
      retries: 20

volumes:
  postgres:
  kafka:
"""


def around_files(blue: Blueprint, handlers: list[FilledFile], *, is_played: bool) -> Iterator[WholeFile]:
    """Everything that is no message, no saga and no handler."""
    package = blue.package
    names = {"package": package, "project": package.replace("_", "-"), "runner": "tests" if is_played else "unittest"}
    yield WholeFile(f"{package}/__init__.py", docstring(f"{_purpose(blue)}", "") + "\n", "begun")
    for folder, what in (("handlers", "The handlers of the services."), ("fakes", "Stand-ins for programs of others.")):
        if any(f"/{folder}/" in file.path for file in handlers):
            yield WholeFile(f"{package}/{folder}/__init__.py", f'"""{what}"""\n')
    if any("moment(meta)" in part.text for file in handlers for part in file.parts):
        yield WholeFile(f"{package}/moment.py", _MOMENT)
    yield _app(blue, handlers)
    sender = _sender(blue)
    if sender is not None:
        yield sender
    yield WholeFile("pyproject.toml", _PYPROJECT.format(**names), "begun")
    yield WholeFile("Makefile", _MAKEFILE.format(**names), "begun")
    yield WholeFile("compose.yaml", _COMPOSE.format(**names), "begun")
    yield WholeFile(".gitignore", _IGNORED, "begun")
    yield WholeFile("README.md", _readme(blue, is_played=is_played), "begun")


def _purpose(blue: Blueprint) -> str:
    return " ".join(blue.design.purpose.value.split()) or f"The services of {blue.package}."


def _app(blue: Blueprint, handlers: list[FilledFile]) -> WholeFile:
    """The app imports every module that declares something."""
    package = blue.package
    modules: dict[str, list[str]] = {"handlers": [], "fakes": []}
    for file in handlers:
        folder, name = file.path.removesuffix(".py").split("/")[1:]
        modules[folder].append(name)
    beside = ["sagas"] if blue.design.sagas else []
    declared = [*beside, *modules["handlers"], *modules["fakes"]]
    services = [f"services.{variable_of(each.name)}" for each in blue.services]
    lines = [
        '"""The app: all services, and the modules that declare their handlers and sagas."""',
        "",
        "from partita import App",
        "",
        imported(package, ["services", *beside]),
        *(imported(f"{package}.{folder}", names) for folder, names in sorted(modules.items()) if names),
        imported(f"{package}.topics", ["TOPICS"]),
        "",
        "# A module declares its handlers and sagas when it is imported.",
        call("DECLARED = ", declared) if len(declared) != 1 else f"DECLARED = ({declared[0]},)",
        call("app = App", [*services, 'client="web"', "topics=TOPICS"]),
    ]
    return WholeFile(f"{package}/app.py", "\n".join(lines) + "\n")


def _sender(blue: Blueprint) -> WholeFile | None:
    """A process that only sends: the first command that begins a saga, or else the first from outside."""
    entries = [each for each in blue.messages.values() if each.kind == "command" and each.enters]
    if not entries:
        return None
    first = next((each for each in entries if blue.starts(each.reply)), entries[0])
    key = first.field(first.key)
    assert key is not None, "a command has its key"
    value = value_of(blue, first)
    typed = "item" if key.type in ("str", "int") else f"{key.type}(item)"
    made = value.replace(f"{first.key}={blue.words.value(key)}", f"{first.key}={typed}", 1)
    words = set(words_of(made))
    known = [*blue.messages, *blue.words.names.values(), *(name for name, _ in blue.words.records.values()), "Geo"]
    standard = [
        line for name, line in (("dt", "import datetime as dt"), ("decimal", "import decimal")) if name in words
    ]
    name, example = variable_name(first.name), f"{first.key.removesuffix('_id').replace('_', '-')}-1"
    is_int = _is_int(blue, key.type)
    text = "\n".join(
        [
            f'"""A process that only sends: python -m {blue.package}.send {1 if is_int else example}"""',
            "",
            "import asyncio",
            *standard,
            "import sys",
            "",
            f"from {blue.package}.app import app",
            imported(f"{blue.package}.messages", [each for each in known if each in words]),
            "",
            "",
            f"async def {name}(item: {'int' if is_int else 'str'}) -> None:",
            '    """It is durable when this returns, also while no service runs. Posted again it is the same command."""',
            "    async with app.posting():",
            call("await app.post", [made, "idempotency_key=str(item)"], "        "),
            "",
            "",
            'if __name__ == "__main__":',
            f"    asyncio.run({name}({'int(' if is_int else ''}sys.argv[1] if len(sys.argv) > 1 else "
            f"{literal('1' if is_int else example)}{')' if is_int else ''}))",
        ]
    )
    return WholeFile(f"{blue.package}/send.py", text + "\n")


def _is_int(blue: Blueprint, kind: str) -> bool:
    return kind == "int" or any(of == "int" and name == kind for (_, of), name in blue.words.names.items())


def _readme(blue: Blueprint, *, is_played: bool) -> str:
    design, package = blue.design, blue.package
    lines = [f"# {package.replace('_', '-')}", "", inert(_purpose(blue)), "", "```sh"]
    runner = "tests" if is_played else "unittest"
    lines.append(f"python -m {runner}".ljust(34) + "# a test for each outcome: no server, and no waiting")
    if is_played:
        lines.append(f"python -m {package}.demo".ljust(34) + "# every outcome once, and what happened")
        lines.append("make faults".ljust(34) + "# every saga under several faults at once, that dice choose")
    lines += [
        "partita run                       # all services, until Ctrl-C; their data is in .partita",
        f"python -m {package}.send".ljust(34) + "# in a second terminal: sends the first command",
        "make check                        # types, tests, `partita flow check`, `catalog lint`, `doctor`",
        "make schemas                      # the schemas of all messages as files",
        "partita schema show NAME --format protobuf   # one in another language: avro, json-schema, protobuf",
        "```",
        "",
        "`FILL.md` lists what a person has to write, with file and line.",
        "",
        "| file | content | written by |",
        "|---|---|---|",
        f"| `{package}/messages.py`, `services.py`, `sagas.py`, `topics.py` | the design as declarations | the build |",
        f"| `{package}/handlers/` | the work of each service | you, part by part |",
        f"| `{package}/outcomes.py`, `tests/` | how each saga ends | the build |",
        f"| `{package}/migrations/` | the tables; a change is a new file | both |",
        "| everything else | packaging and commands | you, once you edit it |",
        "",
    ]
    externals = [each.name for each in blue.services if each.kind == "external"]
    if externals:
        lines += [
            f"`fakes/` is in place of {', '.join(externals)}. In production run the others alone:",
            f"`partita run {' '.join(f'--only {each.name}' for each in blue.services if each.kind != 'external')}`.",
            "",
        ]
    for stream in blue.streams:
        lines += [
            f"{stream.event.name} may be lost, so it goes past the outbox: `streams.py` has its channel. {arithmetic(stream)}.",
            "",
        ]
    if design.bus.use.value not in ("kafka", "database"):
        chosen = f"The design chooses {design.bus.use.value}, which Partita does not run yet"
        lines += [f"{chosen}: here its own log in the database runs.", ""]
    lines += [
        "The same code on servers:",
        "",
        "```sh",
        "docker compose up --wait",
        "pip install '.[servers]'",
        "export KAFKA_BROKERS=1                # the design has more, and so many copies of each record",
        f"export PARTITA_STORE=postgresql://{package}@127.0.0.1:5432/{package} PARTITA_BUS=kafka://127.0.0.1:9092",
        "partita run",
        "```",
    ]
    return "\n".join(lines) + "\n"
