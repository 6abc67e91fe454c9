"""The certificate that clients are shown, and its key, in PEM files."""

import hashlib
import ssl

import msgspec

MAX_FILE_BYTES = 1024 * 1024
"""How large a file with a certificate or a key may be."""

ALPN = ("http/1.1",)
"""What is spoken inside (RFC 7301): a WebSocket is opened by HTTP/1.1."""

_KEY_MARK = b"PRIVATE KEY-----"
_CERTIFICATE_MARK = b"-----BEGIN CERTIFICATE-----"
_CERTIFICATE_END = b"-----END CERTIFICATE-----"


class CertificateFileError(Exception):
    """A certificate or its key cannot be used; the text says why."""


class CertificateFiles(msgspec.Struct, frozen=True):
    """Where they are. `certificate`: ours first, then those between it and the authority's.

    `key` may be the same file.
    """

    certificate: str
    key: str


class Certificate(msgspec.Struct, frozen=True):
    """What new connections are encrypted with. `fingerprint`: of our certificate, SHA-256, hex."""

    context: ssl.SSLContext
    fingerprint: str


def load_certificate(files: CertificateFiles) -> Certificate:
    """Return the certificate that two files hold, with its key.

    Raises:
        CertificateFileError: A file cannot be read or holds something else, the key is another
            certificate's, or it is encrypted.
    """
    certificate, key = _read(files.certificate), _read(files.key)
    if _CERTIFICATE_MARK not in certificate:
        raise _unusable(files.certificate, "it holds no certificate in PEM")
    if _KEY_MARK not in key:
        where = "" if files.key != files.certificate else "; name its file with --tls-key"
        raise _unusable(files.key, f"it holds no private key in PEM{where}")
    if b"ENCRYPTED" in key:
        raise _unusable(files.key, "the key is encrypted; decrypt it, and keep the file private")
    # Not `create_default_context`: it would write the keys of connections where SSLKEYLOGFILE says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(ALPN)
    try:
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
        fingerprint = _fingerprint(certificate)
    except (OSError, ValueError) as error:
        raise _unusable(files.certificate, _why(error, files)) from error
    return Certificate(context, fingerprint)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CertificateFileError(f"cannot read {path} for TLS: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise _unusable(path, f"it has more than {MAX_FILE_BYTES} bytes")
    return content


def _fingerprint(pem: bytes) -> str:
    start, end = pem.index(_CERTIFICATE_MARK), pem.index(_CERTIFICATE_END) + len(_CERTIFICATE_END)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[start:end].decode("ascii"))).hexdigest()


def _why(error: Exception, files: CertificateFiles) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {files.key} is another certificate's"
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"{error.reason.lower().replace('_', ' ')}, there or in {files.key}"
    return f"it or {files.key} is damaged"


def _unusable(path: str, why: str) -> CertificateFileError:
    return CertificateFileError(f"cannot use {path} for TLS: {why}")
