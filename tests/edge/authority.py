"""A certificate authority of the tests, with two intermediates as Amazon's chains have."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_EMPTY = "[req]\ndistinguished_name = name\n[name]\n"


@dataclass(frozen=True)
class Certificate:
    chain: Path  # the leaf, then the intermediates
    key: Path


class Authority:
    """Root, two intermediates, and leaves that the second one signs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "openssl.cnf").write_text(_EMPTY)
        authority = "basicConstraints=critical,CA:TRUE"
        root = self._make("root", authority, signer=None)
        first = self._make("intermediate-1", authority, signer=root)
        self._signer = self._make("intermediate-2", authority, signer=first)
        self._intermediates = [self._signer.chain.read_text(), first.chain.read_text()]
        self.certificate = root.chain

    def issue(self, name: str) -> Certificate:
        leaf = self._make(name, f"subjectAltName=DNS:{name}", signer=self._signer)
        leaf.chain.write_text("".join([leaf.chain.read_text(), *self._intermediates]))
        return leaf

    def _make(self, name: str, extension: str, signer: Certificate | None) -> Certificate:
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        command = ["openssl", "req", "-x509", "-config", str(self._folder / "openssl.cnf")]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        command += ["-subj", f"/CN={name}", "-addext", extension]
        command += ["-keyout", str(made.key), "-out", str(made.chain)]
        if signer is not None:
            command += ["-CA", str(signer.chain), "-CAkey", str(signer.key)]
        subprocess.run(command, check=True, capture_output=True)
        return made
