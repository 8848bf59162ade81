"""`partita`: the command group; a subcommand's module is imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import click

from partita.errors import PartitaError
from partita.settings.settings import check_environment

COMMANDS = {
    "demo": ("partita.cli.demo", "demo", "The shop under fire: services killed, payments declined, nothing lost."),
    "new": ("partita.cli.new", "new", "Make a project: two services, a saga and its tests."),
    "run": ("partita.cli.run", "run", "Run services of an app in this process."),
    "shop": ("partita.cli.shop", "shop", "The shop: import an order file, make a sample, serve the HTTP API."),
    "journey": ("partita.cli.journey", "journey", "Follow one key through all services."),
    "saga": ("partita.cli.saga", "saga", "Sagas: look at them, and act on one."),
    "task": ("partita.cli.task", "task", "Tasks: commands that wait for a person; answer one."),
    "why": ("partita.cli.why", "why", "Say why sagas, keys and groups wait."),
    "dlq": ("partita.cli.dlq", "dlq", "Dead letters: show, edit, replay, discard."),
    "alerts": ("partita.cli.alerts", "alerts", "Alerts: those that fire now, the rules, a test."),
    "op": ("partita.cli.op", "op", "Operations of operators: list, resume."),
    "audit": ("partita.cli.audit", "audit", "Actions of operators: list, verify."),
    "outbox": ("partita.cli.outbox", "outbox", "Outboxes: waiting messages, and those that the bus refused."),
    "consumers": ("partita.cli.consumers", "consumers", "Consumer groups: positions, pause, resume, reset."),
    "topics": ("partita.cli.topics", "topics", "Topics: as declared, their drift from the cluster, apply."),
    "db": ("partita.cli.db", "db", "Schemas of the databases: status, upgrade, sql, check."),
    "metrics": ("partita.cli.metrics", "metrics", "The numbers of all services, for Prometheus."),
    "schema": ("partita.cli.schema", "schema", "Schemas derived from the declarations."),
    "ingress": ("partita.cli.ingress", "ingress", "CloudEvents over HTTP: serve an ingress."),
    "registry": ("partita.cli.registry", "registry", "The schema registry: serve it."),
    "doctor": ("partita.cli.doctor", "doctor", "Check this machine, the data folder, databases and broker."),
    "catalog": ("partita.cli.catalog", "catalog", "Every event and command: meaning, parties, versions, lint."),
    "export": ("partita.cli.export", "export", "The declarations for AsyncAPI, EventCatalog, Backstage."),
    "import": ("partita.cli.import_", "import_", "Declarations to start from, from an AsyncAPI document."),
    "describe": ("partita.cli.describe", "describe", "Services, events and sagas as declared."),
    "design": ("partita.cli.design", "design", "From four answers to a brief, a design, a document."),
    "flow": ("partita.cli.flow", "flow", "Which message goes where, what decides it, what to mend."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called: users wait for each start-up."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Find the command, or suggest one of a similar name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with:  partita new tea_house   To see another app at work:  partita demo",
)
@click.version_option("0.1.0", prog_name="partita", message="%(prog)s %(version)s")
def cli() -> None:
    """Event-driven systems that lose nothing and do nothing twice."""
    check_environment()


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line. Each error of Partita has its own exit code and a hint."""
    sys.excepthook = _defect
    try:
        code = cli.main(args, prog_name="partita", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        from partita.texts.foreign_text import shown

        error.message = shown(error.message)  # type: ignore[misc]  # click only reads it: a file's name, say
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except (PartitaError, OSError) as error:
        from partita.cli.output import show_error

        sys.exit(show_error(error))


def _defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an unforeseen error in words, too; the exit code is Python's own, 1."""
    from partita.cli.output import show_error

    show_error(error)
