"""What the command is to do: from its flags, else the environment, else the configuration file."""

import argparse
import os
from collections.abc import Iterator, Mapping

import msgspec

from telexec_service.app import ServiceOptions
from telexec_service.config import Config, ConfigError, Service, load_config
from telexec_service.core.contract import check_contract
from telexec_service.core.host_names import is_host_name
from telexec_service.transport.address import (
    Address,
    ListenError,
    StdioAddress,
    TcpAddress,
    parse_address,
)
from telexec_service.transport.certificate import CertificateFiles

DEFAULT_CONFIG_FILE = "/etc/telexec/config.toml"
"""Read if it is there and nothing else is named."""

_PREFIX = "TELEXEC_"
_SECURE = "wss:"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


def read_config(flags: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """Return the configuration with what flags and environment say laid over its file.

    Raises:
        ConfigError: The file or a variable cannot be used, or the contract makes no sense.
    """
    file = flags.config or environ.get(f"{_PREFIX}CONFIG")
    if file is None and os.path.exists(DEFAULT_CONFIG_FILE):
        file = DEFAULT_CONFIG_FILE
    config = Config() if file is None else load_config(file)
    check_contract(config.env)
    service = config.service
    _check_one_door(msgspec.structs.asdict(service), f"the configuration {file}")
    variables = dict(_from_environment(environ))
    _check_one_door(variables, "the environment")
    for level in (variables, _from_flags(flags)):
        # A token on one level is about clients, and so is none: the nearer level decides alone.
        if level.get("token_file") or level.get("no_auth"):
            service = msgspec.structs.replace(service, token_file=None, no_auth=False)
        # So it does about encryption: with a certificate, or an address that has no use for one.
        if level.get("tls_cert") or not str(level.get("listen", _SECURE)).startswith(_SECURE):
            service = msgspec.structs.replace(service, tls_cert=None, tls_key=None)
        service = msgspec.structs.replace(service, **level)
    return msgspec.structs.replace(config, service=service)


def service_options(config: Config) -> ServiceOptions:
    """Return what is to be served, where and for whom; no file is looked at.

    Raises:
        ListenError: The address cannot be used, or not without a token, encryption or certificate.
        ConfigError: A name of a host cannot be one.
    """
    service = config.service
    address = _checked_address(service)
    if service.workers > 1 and isinstance(address, StdioAddress):
        raise ListenError("cannot share stdin and stdout among workers: use --workers 1")
    for name in service.allowed_hosts:
        if not is_host_name(name):
            raise ConfigError(
                f"cannot allow the host {name!r}: write a name only, such as build1.example.com"
            )
    # With stdio, whoever holds the pipes is who started this.
    is_open = isinstance(address, StdioAddress) or service.no_auth
    token_file = service.token_file or default_token_file()
    return ServiceOptions(
        address=address,
        token_file=None if is_open else os.path.expanduser(token_file),
        certificate_files=_certificate_files(service),
        metrics_token_file=_path(service.metrics_token_file),
        audit_log=_path(service.audit_log),
        records=os.path.expanduser(os.path.join(_state_directory(), "running")),
        config=config,
    )


def default_token_file() -> str:
    """Return where the token is kept if nothing says otherwise."""
    return os.path.join(_state_directory(), "token")


def _state_directory() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.join("~", ".local", "state")
    return os.path.join(state, "telexec")


def _path(written: str | None) -> str | None:
    return None if written is None else os.path.abspath(os.path.expanduser(written))


def _checked_address(service: Service) -> Address:
    address = parse_address(service.listen)
    is_secure = isinstance(address, TcpAddress) and address.is_secure
    if is_secure and service.tls_cert is None:
        raise ListenError(
            f"cannot listen on {service.listen} without a certificate: add --tls-cert FILE, and"
            " --tls-key FILE if the key is not in it"
        )
    if not is_secure and (service.tls_cert is not None or service.tls_key is not None):
        raise ListenError(
            f"cannot use a certificate on {service.listen}: write --listen wss://IP:PORT, or leave"
            " --tls-cert and --tls-key out"
        )
    if isinstance(address, TcpAddress) and not address.is_loopback:
        _check_exposed(service, is_secure=is_secure)
    return address


def _check_exposed(service: Service, *, is_secure: bool) -> None:
    if service.no_auth:
        raise ListenError(
            f"cannot listen on {service.listen} without a token: other machines can reach it;"
            " use --token-file"
        )
    if not is_secure and not service.plaintext:
        raise ListenError(
            f"cannot listen on {service.listen} without encryption: other machines can reach it;"
            " write wss:// and add --tls-cert, listen on loopback behind a TLS proxy, or say"
            " --plaintext on a network that you trust"
        )


def _certificate_files(service: Service) -> CertificateFiles | None:
    if service.tls_cert is None:
        return None
    certificate = os.path.expanduser(service.tls_cert)
    key = certificate if service.tls_key is None else os.path.expanduser(service.tls_key)
    return CertificateFiles(certificate, key)


def _from_flags(flags: argparse.Namespace) -> dict[str, object]:
    given = {field: getattr(flags, field) for field in Service.__struct_fields__}
    return {
        name: value for name, value in given.items() if value is not None and value is not False
    }


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(Service):
        variable = _PREFIX + field.name.upper()
        text = environ.get(variable)
        if text is None:
            continue
        if field.type is bool:
            yield field.name, _boolean(variable, text)
            continue
        value = text.replace(",", " ").split() if field.name == "allowed_hosts" else text
        try:
            yield field.name, msgspec.convert(value, field.type, strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(f"cannot use {variable}: {error}") from error


def _check_one_door(level: Mapping[str, object], place: str) -> None:
    if level.get("token_file") and level.get("no_auth"):
        raise ConfigError(
            f"cannot use {place}: with no_auth everybody may connect, with token_file only who"
            " has the token; say one of them"
        )


def _boolean(variable: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConfigError(f"cannot use {variable}: {text!r} is neither true nor false")
    return word in _TRUE
