"""`Service`: the owner of messages and handlers, one database, one consumer group.

Walk 2: handlers are registered here, with their messages, their parameters and the events they publish.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from partita.catalog.binding import Binding, check_label, execution_of, take
from partita.catalog.contract import Contract, contract_of, names_effect
from partita.catalog.emits import Emits, answers_later, emitted_by, emitted_on, optional_by, optional_on
from partita.catalog.fault import contract_in
from partita.catalog.flow_notes import checked_reason
from partita.catalog.injection import Depends
from partita.catalog.one_statement import is_one_statement
from partita.catalog.owner import Owner
from partita.catalog.place import Place, caller_place
from partita.catalog.retry import Retry
from partita.catalog.sends import Sends, sent_by
from partita.catalog.signature import Signature, events_in, is_of_another, signature_of
from partita.catalog.task import Task, checked_task, task_of
from partita.catalog.upcaster import olds_of, take_upcaster
from partita.errors import DeclarationError
from partita.migrations.own_tables import Tables, read_folder
from partita.schemas.evolution.level import DEFAULT
from partita.settings.amount import check_count, check_seconds
from partita.waiting.later import Later

CONCURRENCY_MAX = 10_000
P = ParamSpec("P")
C = TypeVar("C")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
C_co = TypeVar("C_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
Answer: TypeAlias = Awaitable[R | Later] | R | Later
"""The result of a command's handler, as the type checker sees it."""


class CommandClass(Protocol[C_co, R_co]):
    """A command class as the type checker sees it, with its reply."""

    @classmethod
    def _me(cls) -> C_co: ...
    @classmethod
    def _reply(cls) -> R_co: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerOptions:
    """The options of a handler's declaration."""

    dedupe_by: str | None
    concurrency: int
    label: str = ""
    timeout_s: float | None = None
    retry: Retry | None = None
    emits: tuple[Contract, ...] = ()
    optional: tuple[Contract, ...] = ()
    sends: tuple[Contract, ...] | None = None
    why: str = ""
    later: bool = False
    task: Task | None = None
    saga: str = ""


@dataclass(slots=True)
class Declarations:
    """The declarations of a service so far."""

    bindings: list[Binding] = field(default_factory=list)
    sagas: list[Any] = field(default_factory=list)


class Service(Owner):
    """A part of the system with a database of its own: `orders = Service("order-service", namespace="shop.order")`.

    Args:
        name: unique; the consumer group and the database file carry it.
        namespace: of its messages on the wire; topics are `<namespace>.events` and `<namespace>.commands`.
        team: the people to ask when it fails.
        tables: the service's own tables as SQL (`CREATE TABLE IF NOT EXISTS ...;`), for SQLite and PostgreSQL alike. Each start
            runs it, and it alters no table that exists: when one has to change, declare `migrations` in its place.
        migrations: a folder of numbered SQL files (`0001_orders.sql`) that make and change the service's own tables, relative
            to the module that declares the service; each is applied once.
        order: "key" handles each key in commit order and drops older messages; "none" dedupes by id alone,
            so a later message may overtake an earlier one of its key.
        retry: the policy for a message whose handler fails.
        window_s: how long message ids and answers are kept, in seconds (24 h).
        keys_kept_s: how long the use of an idempotency key or a business key is kept; None = for ever.
        codec: the language its messages are written in, where the class does not say `codec=`: "avro", "json" or "protobuf".
        schemas: the folder with the field numbers of its messages in Protobuf (`partita.lock`), relative to the module that
            declares the service; default: the nearest folder `schemas` above that module which has them.
        compatibility: the promise that the schemas of its messages keep to their earlier revisions, where the class does not say
            `compatibility=`: BACKWARD, FORWARD, FULL, each also with _TRANSITIVE, or NONE. `partita schema check` looks at it.

    Raises:
        DeclarationError: a name or a value is not valid.
    """

    def __init__(
        self,
        name: str,
        *,
        namespace: str,
        team: str = "",
        tables: str = "",
        migrations: str | Path | None = None,
        order: Literal["key", "none"] = "key",
        retry: Retry | None = None,
        window_s: float = 86_400.0,
        keys_kept_s: float | None = None,
        codec: str = "avro",
        schemas: str | Path | None = None,
        compatibility: str = DEFAULT,
    ) -> None:
        super().__init__(name, namespace, caller_place(2), codec, schemas, compatibility)
        check_seconds(DeclarationError, f"{self.place}: window_s", window_s)
        if keys_kept_s is not None:
            check_seconds(DeclarationError, f"{self.place}: keys_kept_s", keys_kept_s)
        if order not in ("key", "none"):
            raise DeclarationError(f"{self.place}: order={order!r} cannot be.", hint='order="key" or order="none".')
        self.team = team
        self.tables = self._declared_tables(tables, migrations)
        self.order: Literal["key", "none"] = order
        self.retry = retry or Retry()
        self.window_s = window_s
        self.keys_kept_s = keys_kept_s
        self.declared = Declarations()

    def _declared_tables(self, text: str, folder: str | Path | None) -> Tables:
        if folder is None:
            return text
        if text.strip():
            raise DeclarationError(
                f"{self.place}: {self.name} has tables= and migrations=.",
                hint="Move the text of tables= as it is into the first file: CREATE TABLE IF NOT EXISTS leaves tables alone "
                "that are there, and the files behind it alter them.",
            )
        if not isinstance(folder, (str, Path)) or not str(folder).strip():
            raise DeclarationError(
                f"{self.place}: migrations={folder!r:.120} is not a folder.", hint='migrations="migrations/orders"'
            )
        # Only for a module: code typed into a shell is in no folder.
        declared_in = Path(self.place.file)
        if not Path(folder).is_absolute() and not declared_in.is_file():
            raise DeclarationError(
                f"{self.place}: migrations={str(folder)!r} is relative to no file.", hint="Give an absolute Path."
            )
        return read_folder(declared_in.absolute().parent / folder, self.place)

    def __repr__(self) -> str:
        return f"Service({self.name!r})"

    @property
    def contracts(self) -> dict[str, Contract]:
        """The contracts of its messages by their names on the wire."""
        return {name: contract_of(cls) for name, cls in self.messages.items()}

    @property
    def carried_out(self) -> dict[str, str]:
        """The commands that its sagas carry out: the type, also of an old shape, and the name of the saga."""
        found: dict[str, str] = {}
        for binding in self.declared.bindings:
            for contract in binding.contracts if binding.saga else ():
                found |= dict.fromkeys(
                    [contract.full_name, *(old.full_name for old in olds_of(contract))], binding.saga
                )
        return found

    @property
    def retries(self) -> tuple[Retry, ...]:
        """Its own policy, then those of its handlers."""
        return (self.retry, *(b.retry for b in self.declared.bindings if b.retry is not None))

    def retry_for(self, contract: Contract) -> Retry:
        """The policy of the handler of a message: its own where it is declared already, else the service's."""
        of_handler = (b.retry for b in self.declared.bindings if contract in b.contracts and b.retry is not None)
        return next(of_handler, self.retry)

    @overload
    def on(self, function: F, /) -> F: ...
    @overload
    def on(
        self,
        /,
        *,
        dedupe_by: str | None = None,
        concurrency: int = 1,
        name: str | None = None,
        timeout: float | None = None,
        retry: Retry | None = None,
        emits: Emits | None = None,
        sends: Sends | None = None,
        why: str | None = None,
    ) -> Callable[[F], F]: ...
    def on(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        dedupe_by: str | None = None,
        concurrency: int = 1,
        name: str | None = None,
        timeout: float | None = None,
        retry: Retry | None = None,
        emits: Emits | None = None,
        sends: Sends | None = None,
        why: str | None = None,
    ) -> Any:
        """Subscribe a handler to the events its first parameter is annotated with, also `Fault[Message]`; a union is
        several.

        Args:
            function: the handler, when used without parentheses.
            dedupe_by: a field (orderId) that with the event's type names the effect: a second event of that
                type and value within the window is a duplicate even under another id.
            concurrency: how many may run at once, each in a transaction of its own; for handlers that call outside.
            name: distinguishes it from another handler of this service for the same type. Idempotency and business
                keys contain it, so it must stay when the function is renamed.
            timeout: seconds that a call may take; a longer one is cancelled and counts as a failed try (`OverTime`).
                A plain function in its thread cannot be cancelled: see docs/guides/failures.md.
            retry: what happens to a message that this handler fails on, in place of the service's.
            emits: the events that it publishes besides those that its return annotation names: an event, a union, or several.
            sends: the commands that it sends with `tx.send`, for the flow map; where they are declared, it sends no other.
            why: the reason why it reacts to the event, and no saga directs it; `partita flow decisions` shows it.

        Raises:
            DeclarationError: the annotation names no event, a parameter cannot be filled, another handler of this
                service hears the same type under the same name, or the events that it publishes are not declared.
        """
        place = caller_place(2)
        label = check_label(name, place)

        def register(fn: Callable[..., Any]) -> Callable[..., Any]:
            signature = signature_of(fn, place)
            contracts = tuple(contract_in(c) for c in events_in(signature.first))
            if not contracts or any(c.kind == "command" for c in contracts):
                raise DeclarationError(
                    f"{place}: {signature.name} subscribes to {signature.first!r}.",
                    hint="Annotate its first parameter with events: "
                    f"async def {signature.name}({signature.parameter}: OrderPlaced).",
                )
            options = HandlerOptions(
                dedupe_by=dedupe_by,
                concurrency=concurrency,
                label=label,
                timeout_s=timeout,
                retry=retry,
                emits=emitted_on(signature, emits, self.name, place),
                optional=optional_on(signature, emits, place),
                sends=sent_by(signature.name, sends, place),
                why="" if why is None else checked_reason(why, f"why= of {signature.name}", place),
            )
            self._bind(fn, "on", contracts, signature, options, place)
            return fn

        return register if function is None else register(function)

    def upcast(self, function: F, /) -> F:
        """Declare how messages of an older version become those of a newer one:
        `def order_placed_v2(old: OrderPlacedV1) -> OrderPlaced`. It runs where an old message is read: from a topic, an outbox,
        the parking, a dead letter or a log. It is pure: it computes the new message from the old one alone.

        Raises:
            DeclarationError: the annotations name no older and newer version of one message of this service, or the older
                one has an upcaster already.
        """
        take_upcaster(self, function, caller_place(2))
        return function

    def handles(
        self,
        command: CommandClass[C, R],
        /,
        *,
        dedupe_by: str | None = None,
        concurrency: int = 1,
        timeout: float | None = None,
        retry: Retry | None = None,
        emits: Emits | None = None,
        sends: Sends | None = None,
    ) -> Callable[[Callable[Concatenate[C, P], Answer[R]]], Callable[Concatenate[C, P], Answer[R]]]:
        """Handle a command of this service: the handler returns the reply or raises the declared refusal. Annotated with
        `-> Reply | Later` it may return `later()`, and the answer comes from outside (`tx.reply`, `app.reply`). The options are
        those of `on`; `emits` are the events that it publishes besides the reply.

        Raises:
            DeclarationError: it is no command, or another service's, has a handler already, a parameter cannot be filled,
                or the handler returns something else than the reply.
        """
        place = caller_place(2)
        contract = self._command(command, place)

        def register(fn: Callable[Concatenate[C, P], Answer[R]]) -> Any:
            signature = signature_of(fn, place)
            if is_of_another(signature.first, contract):
                raise DeclarationError(
                    f"{place}: {signature.name} handles {contract.name} and is annotated with {signature.first.__name__}.",
                    hint=f"async def {signature.name}({signature.parameter}: {contract.name}, ...)",
                )
            options = HandlerOptions(
                dedupe_by=dedupe_by,
                concurrency=concurrency,
                timeout_s=timeout,
                retry=retry,
                emits=emitted_by(contract, signature, emits, place),
                optional=optional_by(contract),
                sends=sent_by(signature.name, sends, place),
                later=answers_later(signature),
            )
            self._bind(fn, "handles", (contract,), signature, options, place)
            return fn

        return register

    def task(self, command: CommandClass[C, R], /, *, owner: str, title: str) -> None:
        """Let a person answer a command of this service: it waits until `partita task do`, `app.reply` or a handler's `tx.reply`
        answers it, and needs no handler.

        Args:
            command: its form is the fields of its reply, or of one of its refusals.
            owner: the people that answer, such as "adjusters".
            title: a line for them, with fields of the command: "Decide claim {claim_id}".

        Raises:
            DeclarationError: it is no command, or another service's, or has a handler already; the title names no field of it.
        """
        place = caller_place(2)
        contract = self._command(command, place)
        notes = checked_task(contract, owner, title, place)
        function = task_of(contract)
        signature = signature_of(function, place)
        emits = emitted_by(contract, signature, None, place)
        optional = optional_by(contract)
        options = HandlerOptions(
            dedupe_by=None, concurrency=1, emits=emits, optional=optional, sends=(), later=True, task=notes
        )
        self._bind(function, "handles", (contract,), signature, options, place)

    def carried_out_by(self, saga: str, command: Any, place: Place) -> None:
        """Let a saga of this service carry out a command: it answers the command when it has ended. A saga calls this.

        Raises:
            DeclarationError: it is another service's command, or has a handler, a task or another saga already.
        """
        contract = self._command(command, place)
        if any(each.saga == saga and contract in each.contracts for each in self.declared.bindings):
            return  # of another version of the saga
        function = task_of(contract)
        function.__name__ = saga
        signature = signature_of(function, place)
        emits = emitted_by(contract, signature, None, place)
        options = HandlerOptions(
            dedupe_by=None,
            concurrency=1,
            emits=emits,
            optional=optional_by(contract),
            sends=(),
            later=True,
            saga=saga,
        )
        self._bind(function, "handles", (contract,), signature, options, place)

    def _command(self, command: Any, place: Place) -> Contract:
        if not (isinstance(command, type) and "__partita__" in vars(command)):
            what = getattr(command, "__name__", repr(command))
            raise DeclarationError(f"{place}: {what} is not a command.", hint=f"@{self.name}.handles(PlaceOrder)")
        contract = contract_of(command)
        if contract.kind != "command":
            raise DeclarationError(
                f"{place}: {contract.name} is not a command, it is {'an' if contract.kind == 'event' else 'a'} {contract.kind}.",
                hint=f"@{self.name}.on, and the event as the annotation of the first parameter.",
            )
        if contract.service is not self:
            raise DeclarationError(
                f"{place}: {contract.name} belongs to {contract.service.name}, not to {self.name}.",
                hint=f"A command is handled by its owner: @{contract.service.name}.handles, or declare it of={self.name}.",
            )
        return contract

    def _bind(
        self,
        fn: Callable[..., Any],
        kind: Literal["on", "handles"],
        contracts: tuple[Contract, ...],
        signature: Signature,
        options: HandlerOptions,
        place: Place,
    ) -> None:
        check_count(
            DeclarationError, f"{place}: concurrency of {signature.name}", options.concurrency, most=CONCURRENCY_MAX
        )
        if options.timeout_s is not None:
            check_seconds(DeclarationError, f"{place}: timeout of {signature.name}", options.timeout_s)
        if options.retry is not None and not isinstance(options.retry, Retry):
            raise DeclarationError(
                f"{place}: retry={options.retry!r:.120} of {signature.name} is not a Retry.",
                hint="retry=Retry(delays=(60,))",
            )
        for contract in contracts:
            if options.dedupe_by is not None and options.dedupe_by not in contract.hints:
                raise DeclarationError(
                    f"{place}: {signature.name} dedupes by {options.dedupe_by!r}, which {contract.name} does not have.",
                    hint=f"Its fields are {', '.join(contract.hints)}.",
                )
            if options.dedupe_by is not None and not names_effect(contract.hints[options.dedupe_by]):
                raise DeclarationError(
                    f"{place}: {signature.name} dedupes by {contract.name}.{options.dedupe_by}, which names no effect.",
                    hint="Dedupe by a field that is a str, an int, a UUID, or one of them or None.",
                )
        tx = next((name for name, want in signature.wants if want == "tx"), None)
        # A wave waits for all its handlers together, so no single one could be cut short.
        apart = options.concurrency > 1 or options.timeout_s is not None
        apart = apart or any(isinstance(want, Depends) for _, want in signature.wants)
        refuses = kind == "handles" and bool(contracts[0].refusals)
        binding = Binding(
            self.name,
            fn,
            kind,
            contracts,
            signature.wants,
            options.dedupe_by,
            options.concurrency,
            place,
            options.label,
            signature.is_async,
            signature.is_async and not apart and is_one_statement(fn, tx, refuses=refuses),
            execution_of(fn),
            options.timeout_s,
            options.retry,
            options.emits,
            options.optional,
            options.sends,
            options.why,
            options.later,
            options.task,
            options.saga,
        )
        take(self.declared.bindings, binding)


def service_of(contract: Contract) -> Service:
    """The service that owns a message, with its handlers and sagas."""
    assert isinstance(contract.service, Service)  # no other class is an owner
    return contract.service
