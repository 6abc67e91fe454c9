"""Certificates of a test's own authority, in files."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

TLS_LOOPBACK = "wss://127.0.0.1:0"


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in PEM."""

    certificate: Path
    key: Path

    @property
    def options(self) -> list[str]:
        """Return what has a service use it."""
        return ["--tls-cert", str(self.certificate), "--tls-key", str(self.key)]

    def take_place_of(self, other: "Issued") -> None:
        """Put this certificate and its key into another one's files."""
        other.certificate.write_bytes(self.certificate.read_bytes())
        other.key.write_bytes(self.key.read_bytes())


class Authority:
    """Issues certificates; `file` is what clients are to trust."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._name = name
        self._authority = trustme.CA()
        self._count = 0
        self.file = directory / f"{name}.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, *names: str, has_expired: bool = False) -> Issued:
        """Return a new certificate for host names and addresses; by default for loopback's."""
        self._count += 1
        stem = self._directory / f"{self._name}-{self._count}"
        now = datetime.now(UTC)
        issued = self._authority.issue_cert(
            *(names or ("localhost", "127.0.0.1")),
            not_before=now - timedelta(days=2),
            not_after=now + timedelta(days=-1 if has_expired else 1),
        )
        result = Issued(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        for part in issued.cert_chain_pems:
            part.write_to_path(result.certificate, append=True)
        result.key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(result.key)
        return result

    def context(self) -> ssl.SSLContext:
        """Return what trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.file))
