"""Names of variables that change what programs do, in classes that a host's rules can name.

One table, one version: a change here changes what hosts refuse and hide, and so the digest that
every start reports.
"""

from collections.abc import Sequence

import msgspec

CLASSES_VERSION = 2


class NameClass(msgspec.Struct, frozen=True):
    """Patterns of names (`*` and `?`, any case), what they have in common, and who says so."""

    meaning: str
    patterns: tuple[str, ...]
    source: str


CLASSES: dict[str, NameClass] = {
    "@service": NameClass(
        "what the service itself is told by whoever started it",
        ("TELEXEC_*",),
        "docs/service.md",
    ),
    "@systemd": NameClass(
        "what systemd tells the service of its own unit",
        (
            "CACHE_DIRECTORY",
            "CONFIGURATION_DIRECTORY",
            "CREDENTIALS_DIRECTORY",
            "FDSTORE",
            "INVOCATION_ID",
            "JOURNAL_STREAM",
            "LISTEN_FDNAMES",
            "LISTEN_FDS",
            "LISTEN_PID",
            "LISTEN_PIDFDID",
            "LOGS_DIRECTORY",
            "LOG_NAMESPACE",
            "MAINPID",
            "MAINPIDFDID",
            "MANAGERPID",
            "MANAGERPIDFDID",
            "MEMORY_PRESSURE_*",
            "NOTIFY_SOCKET",
            "RUNTIME_DIRECTORY",
            "STATE_DIRECTORY",
            "SYSTEMD_EXEC_PID",
            "WATCHDOG_PID",
            "WATCHDOG_USEC",
        ),
        "systemd.exec(5), sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3)",
    ),
    "@credentials": NameClass(
        "secrets, and doors to them",
        (
            "*ACCESS_KEY*",
            "*API_KEY*",
            "*APIKEY*",
            "*CREDENTIAL*",
            "*PASSPHRASE*",
            "*PASSWD*",
            "*PASSWORD*",
            "*PRIVATE_KEY*",
            "*SECRET*",
            "*TOKEN",
            "*TOKEN_*",
            "*_KEY",
            "*_KEY_*",
            "DATABASE_URL",
            "GPG_AGENT_INFO",
            "KRB5CCNAME",
            "KRB5_KTNAME",
            "MYSQL_PWD",
            "PGPASSFILE",
            "REDISCLI_AUTH",
            "SSH_AUTH_SOCK",
        ),
        "the exec-server dialect's default excludes, narrowed to whole words; ssh-agent(1),"
        " gpg-agent(1), krb5.conf(5), mysql(1), redis-cli's help, libpq's environment variables",
    ),
    "@loader": NameClass(
        "libraries, modules and tables that get loaded into any program",
        (
            "LD_*",
            "_RLD*",
            "DYLD_*",
            "LIBPATH",
            "SHLIB_PATH",
            "GCONV_PATH",
            "GETCONF_DIR",
            "GLIBC_TUNABLES",
            "HOSTALIASES",
            "LOCALDOMAIN",
            "LOCPATH",
            "MALLOC_TRACE",
            "NIS_PATH",
            "NLSPATH",
            "OPENSSL_CONF",
            "OPENSSL_ENGINES",
            "OPENSSL_MODULES",
            "PATH_LOCALE",
            "RESOLV_HOST_CONF",
            "RES_OPTIONS",
            "TZDIR",
        ),
        "ld.so(8); glibc's list for set-user-ID programs (unsecvars.h); sudo's table of bad"
        " variables (sudoers(5), env_delete); openssl-env(7)",
    ),
    "@shell": NameClass(
        "what shells run, read or split by before they do what they are told",
        (
            "BASH_ENV",
            "BASH_FUNC_*",
            "BASH_LOADABLES_PATH",
            "BASH_XTRACEFD",
            "BASHOPTS",
            "CDPATH",
            "ENV",
            "FPATH",
            "GLOBIGNORE",
            "IFS",
            "NULLCMD",
            "PROMPT_COMMAND",
            "PS4",
            "READNULLCMD",
            "SHELLOPTS",
            "TMPPREFIX",
            "ZDOTDIR",
            "__BASH_FUNC*",
        ),
        "bash(1), dash(1), zshparam(1); sudo's table of bad variables",
    ),
    "@interpreter": NameClass(
        "code, paths and options that interpreters and virtual machines take at their start",
        (
            "CLASSPATH",
            "CORECLR_*",
            "COR_PROFILER*",
            "DOTNET_STARTUP_HOOKS",
            "GUILE_LOAD_*",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "JULIA_LOAD_PATH",
            "LUA_CPATH*",
            "LUA_INIT*",
            "LUA_PATH*",
            "NODE_OPTIONS",
            "NODE_PATH",
            "PERL5*",
            "PERLIO_DEBUG",
            "PERLLIB",
            "PHPRC",
            "PHP_INI_SCAN_DIR",
            "PYTHON*",
            "RUBYLIB",
            "RUBYOPT",
            "R_ENVIRON*",
            "R_PROFILE*",
            "TCLLIBPATH",
            "_JAVA_OPTIONS",
        ),
        "python(1), perlrun(1), node(1), ruby(1), java(1), lua(1), php(1), R's Startup help,"
        " .NET's host documentation; sudo's table of bad variables",
    ),
    "@identity": NameClass(
        "who the user is, and where at home",
        ("HOME", "LOGNAME", "MAIL", "SHELL", "USER", "USERNAME"),
        "environ(7); POSIX.1-2017, 8.3",
    ),
    "@git": NameClass(
        "programs that git runs and configuration that it takes",
        (
            "GIT_ASKPASS",
            "GIT_CONFIG*",
            "GIT_EDITOR",
            "GIT_EXEC_PATH",
            "GIT_EXTERNAL_DIFF",
            "GIT_PROXY_COMMAND",
            "GIT_SEQUENCE_EDITOR",
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_TEMPLATE_DIR",
        ),
        "git(1), git-config(1)",
    ),
    "@proxy": NameClass(
        "where network clients connect through",
        ("ALL_PROXY", "FTP_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        "curl(1)",
    ),
    "@locale": NameClass("language and formats", ("LANG", "LANGUAGE", "LC_*"), "locale(7)"),
}
"""By name, which begins with `@`."""

HIDDEN_ALWAYS = ("@service", "@systemd")
"""The classes that no process inherits, whatever the host's rules and a request's policy say."""

FUNCTION_VALUE_PREFIX = "() {"
"""A value that begins so is a function to old shells, whatever its name (CVE-2014-6271)."""


def expand(patterns: Sequence[str]) -> dict[str, str]:
    """Return patterns with classes spelt out: each, with the text that it came from.

    Raises:
        KeyError: A class is unknown.
    """
    expanded: dict[str, str] = {}
    for text in patterns:
        members = CLASSES[text].patterns if text.startswith("@") else (text,)
        for pattern in members:
            expanded.setdefault(pattern, text)
    return expanded
