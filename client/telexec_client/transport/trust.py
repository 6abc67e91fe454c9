"""Whom a client believes to be the host: TLS certificates (RFC 5280, RFC 6125)."""

import ssl

from telexec_client.errors import CertificateError

_EXPIRED, _NOT_YET_VALID = 10, 9
_WRONG_NAME = frozenset({62, 64})
"""`X509_V_ERR_*` of x509_vfy.h: the ends of a validity, a host name or an address that differs."""


def trusting_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what connections are encrypted with; the host's name is always checked.

    Args:
        ca_file: The authorities to believe, in PEM, and no others; `None`: the system's.

    Raises:
        CertificateError: The file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        if ca_file is None:
            raise
        if isinstance(error, ssl.SSLError):
            why = "it holds no certificate in PEM, or a damaged one"
        else:
            why = error.strerror or str(error)
        raise CertificateError(f"cannot use the CA file {ca_file!r}: {why}") from error


def distrust(
    address: str, error: ssl.SSLCertVerificationError, ca_file: str | None
) -> CertificateError:
    """Return what to tell of a host whose certificate was not believed."""
    reason = error.verify_message
    if error.verify_code in _WRONG_NAME:
        what = f"its certificate is for another name: {reason}; connect by a name that is in it"
    elif error.verify_code == _EXPIRED:
        what = "its certificate has expired; have it renewed, or set the clock here"
    elif error.verify_code == _NOT_YET_VALID:
        what = "its certificate is not valid yet; wait, or set the clock here"
    elif ca_file is not None:
        what = f"no authority in {ca_file!r} vouches for its certificate: {reason}"
    else:
        what = (
            f"no authority that this system knows vouches for its certificate: {reason};"
            " name the file of its own authority as ca_file, or --ca"
        )
    return CertificateError(f"cannot trust {address}: {what}")
