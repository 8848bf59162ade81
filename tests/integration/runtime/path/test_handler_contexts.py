"""Context variables: a handler's values are its own, also when handlers run side by side, and no other handler sees
them."""

import asyncio
from contextvars import ContextVar
from typing import Annotated, Any

from tests.integration.runtime.failing.test_users_code import ADD, TABLES
from tests.waiting import until

from partita import App, Command, Depends, Event, Key, Retry, Service, Settings, Tx

TENANT: ContextVar[str] = ContextVar("TENANT", default="nobody")


async def test_each_handler_has_a_context_of_its_own(settings: Settings) -> None:
    """A handler's context variables are visible in its calls and its dependencies, and in no other code."""
    own = Service("own", namespace="trouble.context", tables=TABLES)
    other = Service("other", namespace="trouble.context.other", tables=TABLES)
    seen: list[tuple[str, str, str]] = []

    class Done(Event, of=own):
        id: Key[str]
        tenant: str

    class Do(Command[Done], of=own):
        id: Key[str]

    def note(kind: str, id_: str) -> None:
        assert TENANT.get() == "nobody", (kind, id_, TENANT.get())
        TENANT.set(id_)

    @own.handles(Do)
    async def in_a_wave(cmd: Do, tx: Tx) -> Done:
        note("wave", cmd.id)
        await tx.execute(ADD, id=cmd.id)
        return Done(id=cmd.id, tenant=TENANT.get())

    @other.on(name="serial")
    async def serial(event: Done, tx: Tx) -> None:
        note("serial", event.id)
        await tx.execute(ADD, id=event.id)
        await asyncio.sleep(0)
        await tx.execute(ADD, id=event.id)
        seen.append(("serial", event.id, TENANT.get()))

    @other.on(name="plain")
    def plain(event: Done) -> None:
        note("plain", event.id)
        seen.append(("plain", event.id, TENANT.get()))

    def provider() -> Any:
        note("provider", "provided")
        yield TENANT.get
        seen.append(("provider", "provided", TENANT.get()))

    @other.on(name="depends")
    async def depends(event: Done, get: Annotated[Any, Depends(provider)]) -> None:
        seen.append(("depends", "provided", get()))
        await asyncio.to_thread(lambda: seen.append(("in its thread", "provided", TENANT.get())))

    app = App(own, other, settings=settings)
    async with app.running():
        replies = await asyncio.gather(*(app.send(Do(id=f"k{n}")) for n in range(20)))
        await app.settled()
    assert [reply.tenant for reply in replies] == [f"k{n}" for n in range(20)]
    assert len(seen) == 20 * 5 and all(expected == tenant for _, expected, tenant in seen), seen
    assert TENANT.get() == "nobody"


async def test_calls_outside_and_hooks_have_contexts_of_their_own(settings: Settings) -> None:
    """Also when one lane runs several handlers in turn, and when a policy decides."""
    tenants: list[str] = []

    def policy(error: Any, counters: Any, message: Any) -> None:
        tenants.append(TENANT.get())
        TENANT.set("policy")

    own = Service("own", namespace="trouble.lane", retry=Retry(in_place=1, delays=(), policy=policy))

    class Done(Event, of=own):
        key: Key[str]
        id: str

    class Do(Command[Done], of=own):
        id: str

    @own.handles(Do)
    async def do(cmd: Do) -> Done:
        return Done(key="one", id=cmd.id)

    @own.on(concurrency=4)
    async def outside(event: Done) -> None:
        tenants.append(TENANT.get())
        TENANT.set(event.id)
        await asyncio.sleep(0)
        if event.id == "k2":
            raise ValueError("asks the policy")

    app = App(own, settings=settings)
    async with app.running():
        for n in range(3):
            await app.send(Do(id=f"k{n}"))

        async def over() -> bool:
            return len(tenants) == 6

        await until(over)
    assert set(tenants) == {"nobody"}
