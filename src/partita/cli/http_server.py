"""The HTTP server of a command that serves: uvicorn, which an extra brings."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from partita.errors import SettingsError


def server_of(extra: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """`partita.asgi.serving.serve`. Any: its module cannot be imported without the extra.

    Raises:
        SettingsError: uvicorn is not installed.
    """
    try:
        from partita.asgi.serving import serve
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise SettingsError(f"The {extra} needs the server uvicorn.", hint=f"pip install 'partita[{extra}]'") from error
    return serve
