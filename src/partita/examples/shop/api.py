"""The shop's HTTP API: orders placed once per Idempotency-Key, across retries and crashes; errors as problem+json."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from partita import App, Conflict, PartitaError, StoreUnavailable
from partita.examples.shop.messages import OrderRejected, PaymentDisputed, PlaceOrder
from partita.examples.shop.services import OrderId, OrderLine, payments

BODY_BYTES_MAX = 256_000
DISPUTED = "com.psp.charge.disputed"
"""The type by which the payment provider knows the event."""
FIND = (
    "SELECT order_id, customer_id, total_cents, country, occurred_us, status, reason FROM orders WHERE order_id = :id"
)
MAILS = "SELECT about FROM order_mail WHERE order_id = :id ORDER BY about"
TROUBLES = "SELECT who, what, cause FROM order_trouble WHERE order_id = :id ORDER BY letter_id"


class LineIn(BaseModel):
    """One line of an order."""

    model_config = ConfigDict(extra="forbid", strict=True)
    sku: str = Field(min_length=1, max_length=100)
    quantity: int = Field(gt=0, le=1_000_000)
    price_cents: int = Field(ge=0, le=1_000_000_000)


class OrderIn(BaseModel):
    """An order to place."""

    model_config = ConfigDict(extra="forbid", strict=True)
    customer_id: str = Field(min_length=1, max_length=200)
    country: str = Field(min_length=1, max_length=100)
    lines: list[LineIn] = Field(min_length=1, max_length=2_000)


class TroubleOut(BaseModel):
    """A message about an order that a service could not handle: an operator must act, or has already repaired it."""

    who: str
    what: str
    cause: str


class OrderOut(BaseModel):
    """The present state of an order."""

    order_id: str
    customer_id: str
    total_cents: int
    country: str
    status: str
    reason: str
    mails: list[str]
    troubles: list[TroubleOut]


def problem(status: int, title: str, detail: str = "", **more: Any) -> JSONResponse:
    """An error as RFC 9457 describes it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def make_api(app: App) -> FastAPI:
    """The API of a shop app; it runs the app for as long as it lives. The payment provider's webhook is a part of it; its
    requests are signed where SHOP_HOOK_SECRETS has secrets."""
    api = FastAPI(title="Partita shop", lifespan=app.lifespan, docs_url=None, redoc_url=None)
    _errors(api)
    secrets = os.environ.get("SHOP_HOOK_SECRETS", "").split()
    api.mount("/hooks", app.ingress(payments, takes={DISPUTED: PaymentDisputed}, secrets=secrets))  # POST /hooks/events

    @api.middleware("http")
    async def limit(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse a body that is too large before it is read."""
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX or "transfer-encoding" in request.headers:
            return problem(413, "The body is too large", f"at most {BODY_BYTES_MAX:,} bytes, with a Content-Length")
        return await proceed(request)

    @api.post("/orders", status_code=201, response_model=OrderOut)
    async def place_order(order: OrderIn, idempotency_key: Annotated[str, Header(min_length=1, max_length=255)]) -> Any:
        """Place an order. The same Idempotency-Key again gets the same answer and places nothing."""
        order_id = OrderId("ord_" + hashlib.sha256(idempotency_key.encode()).hexdigest()[:20])
        before = await _find(app, order_id)
        # The time is not part of what the client asked for: a repeat must be the same command.
        occurred = before["occurred_us"] / 1_000_000 if before else app.system.clock.now_us() / 1_000_000
        lines = [OrderLine(sku=x.sku, quantity=x.quantity, price_cents=x.price_cents) for x in order.lines]
        command = PlaceOrder(
            order_id=order_id,
            customer_id=order.customer_id,
            lines=lines,
            country=order.country,
            occurred_at=datetime.fromtimestamp(occurred, UTC),
        )
        await app.send(command, idempotency_key=idempotency_key)
        return await _find(app, order_id)

    @api.get("/orders/{order_id}", response_model=OrderOut)
    async def get_order(order_id: str) -> Any:
        """The present state of an order."""
        found = await _find(app, order_id)
        return found or problem(404, "No such order", f"{order_id} was never placed here")

    @api.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """The event loop runs."""
        return {"status": "ok"}

    @api.get("/readyz", include_in_schema=False)
    async def readyz() -> Any:
        """Whether orders can be accepted: 503 if a database does not answer, 200 and `degraded` if the bus does not."""
        health = app.system.health()
        return JSONResponse(dict(health.as_json()), 200 if health.is_ready else 503)

    @api.get("/healthz", include_in_schema=False)
    async def healthz(fail_on: str = "down") -> Any:
        """As `/readyz`; with `?fail_on=degraded` it is 200 only if nothing is degraded."""
        health = app.system.health()
        good = health.status == "ok" if fail_on == "degraded" else health.is_ready
        return JSONResponse(dict(health.as_json()), 200 if good else 503)

    @api.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """The operations as a page that loads nothing from other hosts."""
        return HTMLResponse(_page(api.openapi()))

    return api


async def _find(app: App, order_id: str) -> dict[str, Any] | None:
    async with app.store("order-service").reading() as session:
        rows = await session.fetch(FIND, {"id": order_id})
        if not rows:
            return None
        troubles = await session.fetch(TROUBLES, {"id": order_id})
        mails = await session.fetch(MAILS, {"id": order_id})
    return {**rows[0], "mails": [row["about"] for row in mails], "troubles": [dict(row) for row in troubles]}


def _errors(api: FastAPI) -> None:
    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = [{"where": ".".join(str(p) for p in e["loc"]), "what": e["msg"]} for e in error.errors()]
        return problem(422, "The request is not valid", found[0]["what"] if found else "", errors=found)

    @api.exception_handler(OrderRejected)
    async def rejected(_: Request, no: OrderRejected) -> JSONResponse:
        return problem(422, "The order is refused", no.reason)

    @api.exception_handler(Conflict)
    async def conflict(_: Request, error: Conflict) -> JSONResponse:
        return problem(409, "The Idempotency-Key was used for another order", "use a new key for a new order")

    @api.exception_handler(StoreUnavailable)
    async def unavailable(_: Request, error: StoreUnavailable) -> JSONResponse:
        return problem(503, "Orders cannot be accepted now", "nothing was placed; try again with the same key")

    @api.exception_handler(PartitaError)
    async def refused(_: Request, error: PartitaError) -> JSONResponse:
        return problem(400, "The order cannot be taken", str(error))


def _page(spec: dict[str, Any]) -> str:
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Partita shop: API</title>"]
    parts.append("<style>body{font:16px/1.5 system-ui;max-width:50em;margin:2em auto;padding:0 1em}")
    parts.append("pre{background:#f4f4f4;padding:1em;overflow:auto}code{font-size:1.1em}</style>")
    parts.append(f"<h1>{escape(spec['info']['title'])}</h1><p><a href=/openapi.json>openapi.json</a></p>")
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            parts.append(f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(operation.get('description', ''))}</p>")
    parts.append("<h2>Schemas</h2><pre>")
    parts.append(escape(json.dumps(spec.get("components", {}).get("schemas", {}), indent=2)))
    parts.append("</pre></html>")
    return "".join(parts)
