"""Reading the tokens and the certificate again while the service runs."""

from typing import Any

from telexec_service.core.admission import Gate
from telexec_service.observability.audit import AuditError, AuditLog
from telexec_service.transport.certificate import (
    CertificateFileError,
    CertificateFiles,
    load_certificate,
)
from telexec_service.transport.exposure import exposed_mode
from telexec_service.transport.listener import Listener
from telexec_service.transport.token_file import TokenFileError, load_tokens


class Reload:
    """What SIGHUP does.

    A file that cannot be used changes nothing: what was read from it before stays in force.

    Args:
        token_file: None: everybody may connect.
        certificate_files: None: nothing is encrypted.
        metrics_token_file: None: there are no tokens for the numbers alone.
        audit: Opens its file anew, since whoever rotates it has moved the old one.
        fingerprint: Of the certificate that is in use; None where there is none.
    """

    def __init__(
        self,
        token_file: str | None,
        certificate_files: CertificateFiles | None,
        metrics_token_file: str | None,
        *,
        audit: AuditLog,
        gate: Gate,
        listener: Listener,
        fingerprint: str | None,
        log: Any,
    ) -> None:
        self._token_file = token_file
        self._certificate_files = certificate_files
        self._metrics_token_file = metrics_token_file
        self._audit = audit
        self._gate = gate
        self._listener = listener
        self._fingerprint = fingerprint
        self._log = log

    def reload(self) -> None:
        """Read the files again, and close the connections whose token is no longer there."""
        changes: dict[str, object] = {}
        try:
            if self._token_file is not None:
                changes |= self._reload_tokens(self._token_file)
        except TokenFileError as error:
            self._log.error("service.reload_failed", what="tokens", why=str(error))
        try:
            if self._metrics_token_file is not None:
                self._gate.replace_metrics_tokens(load_tokens(self._metrics_token_file))
        except TokenFileError as error:
            self._log.error("service.reload_failed", what="metrics tokens", why=str(error))
        try:
            self._audit.reopen()
        except AuditError as error:
            self._log.error("service.reload_failed", what="audit log", why=str(error))
        try:
            if self._certificate_files is not None:
                changes |= self._reload_certificate(self._certificate_files)
        except CertificateFileError as error:
            self._log.error("service.reload_failed", what="certificate", why=str(error))
        self.warn_of_exposed_files()
        self._log.info("service.reloaded", **changes)

    def warn_of_exposed_files(self) -> None:
        """Say which secret others than its owner may read; a mounted one often is such."""
        secrets = {"token.file_exposed": self._token_file}
        if self._certificate_files is not None:
            secrets["tls.key_exposed"] = self._certificate_files.key
        for event, path in secrets.items():
            mode = None if path is None else exposed_mode(path)
            if mode is not None:
                self._log.warning(event, path=path, mode=mode)

    def _reload_tokens(self, path: str) -> dict[str, object]:
        change = self._gate.replace_tokens(load_tokens(path))
        return {
            "tokens": change.valid,
            "tokens_added": change.added,
            "tokens_revoked": change.revoked,
            "connections_closed": self._listener.close_revoked(),
        }

    def _reload_certificate(self, files: CertificateFiles) -> dict[str, object]:
        certificate = load_certificate(files)
        self._listener.use_certificate(certificate)
        is_new, self._fingerprint = (
            certificate.fingerprint != self._fingerprint,
            certificate.fingerprint,
        )
        return {"certificate_changed": is_new}
