"""`partita describe`: services, events and sagas as declared; needs no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from partita.app import App, load_app
from partita.cli.catalog import page
from partita.cli.output import document, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.observability.catalog.entry import entry_named
from partita.observability.describing import (
    Handled,
    Named,
    Owned,
    describe_app,
    describe_saga,
    describe_service,
    saga_named,
)
from partita.sagas.diagram import text
from partita.schemas.revisions import FOLDER, read_folder


@click.command(epilog="Example:  partita describe event OrderPlaced")
@click.argument("what", type=click.Choice(["app", "service", "event", "saga"]), default="app")
@click.argument("name", default="")
@app_option
@output_option
def describe(what: str, name: str, app_name: str, output: str) -> None:
    """Describe the app, or one service, event (or command) or saga by NAME."""
    app = load_app(app_name)
    if what == "app":
        _app(app, output)
    elif what == "saga" and output == "json":
        print_json("SagaDefinition", asdict(describe_saga(app, name)))
    elif what == "saga":
        document(text(saga_named(app, name)))
    elif what == "service":
        _service(app, name, output)
    else:
        _message(app, name, output)


def _app(app: App, output: str) -> None:
    found = describe_app(app)
    if output == "json":
        absent = [
            {"name": a.service.name, "needed_for": a.needed_for, "has_handlers": a.has_handlers} for a in found.absent
        ]
        services = [s.name for s in found.services]
        print_json("App", {"services": services, "sagas": list(found.sagas), "absent": absent})
        return
    rows = [(s.name, s.team, s.namespace, s.messages, s.handles, s.sagas) for s in found.services]
    say(*table(["service", "team", "namespace", "messages", "handles", "sagas"], rows))
    for a in found.absent:
        why = "its handlers never run: it is missing in App(...)" if a.has_handlers else "a service of another app"
        say("", f"{a.service.name}: {why}; {'; '.join(a.needed_for)}")


def _service(app: App, name: str, output: str) -> None:
    found = describe_service(app, name)
    if output == "json":
        owns, handles = [_called(o) for o in found.owns], [_called(h) for h in found.handles]
        # A handler is there once for each message that it takes, and two handlers may have one name.
        emits = dict.fromkeys(
            [*((h.handler, h.emits) for h in found.handles), *((s.name, s.emits) for s in found.sagas)]
        )
        names = [{"name": name, "emits": [event.type for event in events]} for name, events in emits]
        print_json("Service", {"name": found.name, "owns": owns, "handles": handles, "emits": names})
        return
    team = f"   team {found.team}" if found.team else ""
    say(f"{found.name}{team}   order={found.order}   reads {', '.join(found.reads) or 'nothing'}", "")
    say(*table(["owns", "kind", "topic", "key"], [(_called(o), o.kind, o.topic, o.key) for o in found.owns]), "")
    rows = [(_called(h), h.handler, h.dedupe_by, h.concurrency, _names(h.emits)) for h in found.handles]
    say(*table(["handles", "with", "dedupes by", "at once", "emits"], rows))
    if found.sagas:
        sagas = [(saga.name, _called(saga.starts_with), _names(saga.emits)) for saga in found.sagas]
        say("", *table(["saga", "starts with", "emits"], sagas))


def _called(of: Named | Owned | Handled) -> str:
    return of.message if of.message == of.wire_name else f"{of.message} ({of.wire_name})"


def _names(messages: Iterable[Named]) -> str:
    return ", ".join(map(_called, messages))


def _message(app: App, name: str, output: str) -> None:
    found = entry_named(app, name, read_folder(Path(FOLDER)))
    if output == "text":
        page(found)
        return
    content = {
        "type": found.type,
        "class": found.declared_as,
        "message_kind": found.kind,
        "owner": found.owner,
        "topic": found.topic,
        "key": found.key or None,
        "publishers": [{"service": by.service, "name": by.name, "kind": by.kind} for by in found.producers],
        "consumers": [consumer.service for consumer in found.consumers],
        "becomes": found.becomes or None,
        "old_shapes": list(found.old_shapes),
        "fields": [f.name for f in found.fields],
    }
    print_json("Message", content)
