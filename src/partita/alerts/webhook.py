"""The webhook: a POST of Alertmanager's payload (version 4), which many receivers understand.

Source of the payload: Prometheus Alertmanager, webhook_config. The address may hold secrets and is never shown whole.
"""

from __future__ import annotations

import base64
import functools
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlunsplit

from partita.alerts.alarms import Told
from partita.alerts.wire import WAIT_S, WHOLE_S, Wire, trust, wired
from partita.clock import US
from partita.settings.address import check_webhook

NEVER = "0001-01-01T00:00:00Z"


class WebhookChannel:
    """POSTs to a URL. Only an answer of 200 to 299 counts: a redirect would turn the POST into a GET without the payload."""

    def __init__(self, url: str, ca: str = "", *, whole_s: float = WHOLE_S) -> None:
        parts = check_webhook("The alert webhook", url)
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
        self._url = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host, fragment=""))
        self._headers = {"Content-Type": "application/json", "User-Agent": "partita"}
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        self._trust, self._whole_s = trust(ca), whole_s
        self.name = f"webhook at {parts.hostname}"

    async def send(self, told: Sequence[Told], now_us: int) -> None:
        """Send one request for these alerts: all of them fire, or all are over."""
        await wired(functools.partial(self._post, json.dumps(payload(told, now_us)).encode()), self._whole_s)

    def _post(self, body: bytes, wire: Wire) -> None:
        request = urllib.request.Request(self._url, body, self._headers, method="POST")
        try:
            with _opener(wire, self._trust).open(request, timeout=WAIT_S):
                return
        except urllib.error.HTTPError as answer:
            with answer:
                moved = (
                    ", a redirect, which is not followed: set the address it leads to"
                    if answer.code // 100 == 3
                    else ""
                )
                raise OSError(f"it answered {answer.code}{moved}") from None
        except urllib.error.URLError as error:
            raise error.reason if isinstance(error.reason, OSError) else OSError("it cannot be reached") from error


def _opener(wire: Wire, trusted: ssl.SSLContext) -> urllib.request.OpenerDirector:
    """An opener for HTTP that uses the proxies of the environment and follows no redirect."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(wire),
        _Https(wire, trusted),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Http(urllib.request.HTTPHandler):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_connection, http.client.HTTPConnection, self._wire), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, wire: Wire, trusted: ssl.SSLContext) -> None:
        super().__init__(context=trusted)
        self._wire, self._trusted = wire, trusted

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        made = functools.partial(_connection, http.client.HTTPSConnection, self._wire)
        return self.do_open(made, req, context=self._trusted)


def _connection(kind: Any, wire: Wire, *args: Any, **options: Any) -> Any:  # urllib calls it so, and has no types
    made = kind(*args, **options)
    made._create_connection = wire.connect
    return made


def payload(told: Sequence[Told], now_us: int) -> dict[str, Any]:
    """Alertmanager's webhook payload."""
    alerts = [
        {
            "status": status,
            "labels": {"alertname": alarm.name, "service": alarm.service, "severity": alarm.severity},
            "annotations": {"summary": alarm.summary, "hint": alarm.hint},
            "startsAt": _time(alarm.since_us),
            "endsAt": _time(now_us) if status == "resolved" else NEVER,
            "generatorURL": "",
            "fingerprint": alarm.fingerprint,
        }
        for status, alarm in told
    ]
    return {
        "version": "4",
        "groupKey": "{}:{source=partita}",
        "truncatedAlerts": 0,
        "status": told[0].status,
        "receiver": "partita",
        "groupLabels": {"source": "partita"},
        "commonLabels": _common([a["labels"] for a in alerts]),
        "commonAnnotations": _common([a["annotations"] for a in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }


def _common(dicts: Sequence[Any]) -> dict[str, str]:
    return {k: v for k, v in dicts[0].items() if all(d.get(k) == v for d in dicts)}


def _time(us: int) -> str:
    return datetime.fromtimestamp(us / US, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
