"""`Commit`: the files of a project as a commit of its git repository has them."""

from __future__ import annotations

import subprocess

from partita.errors import SettingsError

GIT_S = 30.0


class Commit:
    """A commit, from the current folder. It is read by git, which is asked for objects alone: nothing of the commit runs."""

    def __init__(self, ref: str) -> None:
        """`ref` is a branch, a tag, a hash, or `HEAD~1`.

        Raises:
            SettingsError: there is no such commit, or no git.
        """
        self.ref = ref
        found = b"" if ref.startswith("-") or not ref else _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        self._id = found.decode().strip()
        if not self._id:
            raise SettingsError(f"{ref!r} is no commit of this repository.", hint="A branch, a tag or HEAD~1: git log")

    def files(self, folder: str) -> tuple[str, ...]:
        """The paths of all files in a folder."""
        listed = _git("ls-tree", "-r", "-z", "--name-only", self._id, f"{folder}/").decode().split("\0")
        return tuple(line for line in listed if line)

    def data(self, path: str) -> bytes | None:
        """A file's bytes; None if there is no such file."""
        if not _git("ls-tree", "-z", "--name-only", self._id, path):
            return None
        return _git("show", f"{self._id}:./{path}")


def _git(*arguments: str) -> bytes:
    """The output of a git command; empty if git refuses it."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, timeout=GIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(f"git does not run here: {error!s:.200}", hint="Compare with a folder instead.") from error
    return done.stdout if done.returncode == 0 else b""
