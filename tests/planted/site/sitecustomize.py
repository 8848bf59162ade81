"""Plants a bug in each Python process that is started with it on its path, and in those that such a process starts."""

from __future__ import annotations

import os

if os.environ.get("PLANTED_BUG"):
    import subprocess

    from tests.planted.planting import install
    from tests.planted.table import PLANTS

    install(PLANTS[os.environ["PLANTED_BUG"]])
    begin = subprocess.Popen.__init__
    path = os.environ["PYTHONPATH"]

    def with_the_bug(self, *words, env=None, **options):  # type: ignore[no-untyped-def]  # as Popen has them
        """Tests give the processes they start an environment of their own."""
        if env is not None and "PLANTED_BUG" in env and path not in env.get("PYTHONPATH", ""):
            env = {**env, "PYTHONPATH": os.pathsep.join(filter(None, [path, env.get("PYTHONPATH")]))}
        begin(self, *words, env=env, **options)

    subprocess.Popen.__init__ = with_the_bug  # type: ignore[method-assign]
