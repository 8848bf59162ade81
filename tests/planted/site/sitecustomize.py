"""Plants a bug in each Python process that is started with it on its path, and in those that such a process starts."""

from __future__ import annotations

import os

if os.environ.get("PLANTED_BUG"):
    from tests.planted.planting import install
    from tests.planted.table import PLANTS

    install(PLANTS[os.environ["PLANTED_BUG"]])
