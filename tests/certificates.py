"""Certificates of an authority that is made for a test: the keys are thrown away with its folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def certified(folder: Path) -> tuple[Path, Path]:
    """An authority of our own, and the key of a server at 127.0.0.1 with its certificate, as PEM files."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl here; to have it: apt-get install openssl")

    def openssl(*words: str) -> None:
        subprocess.run([program, *words], cwd=folder, check=True, capture_output=True, timeout=60)

    new = ["-newkey", "rsa:2048", "-nodes"]
    openssl("req", "-x509", *new, "-days", "2", "-subj", "/CN=ours", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *new, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem")
    keystore = folder / "keystore.pem"
    keystore.write_text((folder / "server.key").read_text() + (folder / "server.pem").read_text())
    return folder / "ca.pem", keystore
