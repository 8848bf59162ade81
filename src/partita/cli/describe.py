"""`partita describe`: services, events and sagas as declared; needs no database."""

from __future__ import annotations

import click

from partita.app import App, load_app
from partita.catalog.contract import Contract
from partita.cli.output import document, output_option, print_json, say, table
from partita.cli.type_text import type_text
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.sagas.diagram import text
from partita.schemas.fields.field import fields_of


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
    elif what == "saga":
        definition = next((d for d in app.definitions if d.name == name), None)
        if definition is None:
            raise NotFound(
                f"There is no saga {name!r}.", hint=f"There is: {', '.join(d.name for d in app.definitions)}."
            )
        document(text(definition))
    elif what == "service":
        _service(app, name, output)
    else:
        _message(app, name, output)


def _app(app: App, output: str) -> None:
    rows = []
    for service in app.services:
        declared = service.declared
        handled = [c.name for b in declared.bindings for c in b.contracts]
        rows.append(
            (service.name, service.team, service.namespace, len(service.messages), len(handled), len(declared.sagas))
        )
    if output == "json":
        print_json("App", {"services": [r[0] for r in rows], "sagas": [d.name for d in app.definitions]})
        return
    say(*table(["service", "team", "namespace", "messages", "handles", "sagas"], rows))


def _service(app: App, name: str, output: str) -> None:
    service = next((s for s in app.services if s.name == name), None)
    if service is None:
        raise NotFound(f"There is no service {name!r}.", hint=f"There is: {', '.join(s.name for s in app.services)}.")
    owns = [(_called(c), c.kind, c.topic, c.key_field or "") for c in service.contracts.values()]
    handles = [
        (_called(c), b.name, b.dedupe_by or "", b.concurrency) for b in service.declared.bindings for c in b.contracts
    ]
    if output == "json":
        print_json("Service", {"name": service.name, "owns": [o[0] for o in owns], "handles": [h[0] for h in handles]})
        return
    say(
        f"{service.name}   team {service.team}   order={service.order}   reads {', '.join(app.catalog.topics_of(service))}",
        "",
    )
    say(*table(["owns", "kind", "topic", "key"], owns), "")
    say(*table(["handles", "with", "dedupes by", "at once"], handles))


def _called(contract: Contract) -> str:
    return contract.name if contract.name == contract.wire_name else f"{contract.name} ({contract.wire_name})"


def _message(app: App, name: str, output: str) -> None:
    contract = app.catalog.message(name)
    if contract is None:
        names = sorted({called for c in app.catalog.contracts.values() for called in (c.name, c.wire_name)})
        raise NotFound(f"There is no message {name!r}.", hint=f"There is: {', '.join(names)}.")
    consumers = [s.name for s in app.services if contract.full_name in app.catalog.interests(s)]
    fields = [
        (f.wire_name, type_text(contract.hints[f.name]), "" if f.required else repr(f.default), f.since)
        for f in fields_of(contract.shape.struct)
    ]
    if output == "json":
        print_json(
            "Message",
            {
                "type": contract.full_name,
                "class": contract.name,
                "kind": contract.kind,
                "owner": contract.service.name,
                "topic": contract.topic,
                "key": contract.key_field,
                "consumers": consumers,
                "fields": [f[0] for f in fields],
            },
        )
        return
    say(
        f"{contract.full_name}   {contract.kind} of {contract.service.name} on {contract.topic}, key {contract.key_field}"
    )
    called = "" if contract.name == contract.wire_name else f" as {contract.name}"
    say(f"consumed by {', '.join(consumers) or 'nobody'}   declared{called} at {contract.place}", "")
    say(*table(["field", "type", "default", "since"], fields))
