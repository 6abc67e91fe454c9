"""Tiny programs as children: each is an argv that does one thing.

They name their programs by absolute paths and need nothing of their environment.
"""

import shutil
import sys


def tool(name: str, *arguments: str) -> list[str]:
    """Run a program of the system."""
    path = shutil.which(name)
    assert path is not None, f"this machine has no {name}"
    return [path, *arguments]


def shell(script: str, *arguments: str) -> list[str]:
    """Run a script with `sh`; the arguments are `$1`, `$2`, …"""
    return ["/bin/sh", "-c", script, "sh", *arguments]


def python(code: str, *arguments: str) -> list[str]:
    """Run Python code without any packages; the arguments are `sys.argv[1:]`."""
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def succeed() -> list[str]:
    """Exit with 0 at once."""
    return tool("true")


def exit_with(code: int) -> list[str]:
    """Exit with a code."""
    return shell(f"exit {code}")


def die_by(signal_name: str) -> list[str]:
    """Die by a signal such as `TERM`, sent to itself."""
    return shell(f"kill -s {signal_name} $$; while :; do :; done")


def numbered_lines(first: int, last: int) -> list[str]:
    """Print a line per number, as fast as it can."""
    return tool("seq", str(first), str(last))


def expected_lines(first: int, last: int) -> bytes:
    """Return what `numbered_lines` prints."""
    return b"".join(b"%d\n" % number for number in range(first, last + 1))


def say(text: str) -> list[str]:
    """Print a text and exit."""
    return tool("printf", "%s", text)


def say_both(stdout: str, stderr: str) -> list[str]:
    """Print one text to stdout, one to stderr, and exit."""
    return shell('printf %s "$1"; printf %s "$2" >&2', stdout, stderr)


def say_and_sleep(text: str, seconds: float = 600) -> list[str]:
    """Print a text, then sleep."""
    return shell(f'printf %s "$1"; exec sleep {seconds}', text)


def sleep(seconds: float = 600) -> list[str]:
    """Sleep."""
    return tool("sleep", str(seconds))


def ignore_term(text: str = "ready\n") -> list[str]:
    """Ignore SIGTERM, print a text, sleep."""
    return shell("trap '' TERM; printf %s \"$1\"; exec sleep 600", text)


def grandchild_that_holds_the_pipe(exit_code: int = 0, seconds: float = 600) -> list[str]:
    """Print `child`, leave a grandchild that keeps stdout open, and exit; its pid is printed."""
    return shell(f"sleep {seconds} & printf 'child %s\\n' $!; exit {exit_code}")


def family(size: int = 3) -> list[str]:
    """Start some children in the same group, print all pids in one line, wait for them."""
    # Not a shell: that would have its background children ignore SIGINT.
    code = (
        "import os, sys\n"
        "sleep, count = sys.argv[1], int(sys.argv[2])\n"
        "pids = [os.posix_spawn(sleep, ['sleep', '600'], {}) for _ in range(count)]\n"
        "print(os.getpid(), *pids, flush=True)\n"
        "for pid in pids: os.waitpid(pid, 0)"
    )
    return python(code, *tool("sleep"), str(size))


def never_read_stdin(text: str = "ready\n") -> list[str]:
    """Print a text and sleep; stdin stays unread."""
    return say_and_sleep(text)


def echo() -> list[str]:
    """Copy stdin to stdout until it ends."""
    return tool("cat")


def checksum_stdin() -> list[str]:
    """Print the SHA-256 of stdin once it ends."""
    return tool("sha256sum")


def print_environment() -> list[str]:
    """Print the environment, each `NAME=value` with a NUL behind it, and nothing else."""
    # A shell would add variables of its own.
    return tool("env", "-0")


def print_open_fds() -> list[str]:
    """Print the numbers of the open descriptors, a line each."""
    # The descriptor that lists the folder is itself in the list, but closed right after.
    return python(
        "import os\n"
        "for fd in sorted(map(int, os.listdir('/proc/self/fd'))):\n"
        "    if os.path.lexists(f'/proc/self/fd/{fd}'): print(fd)"
    )


def print_signal_masks() -> list[str]:
    """Print the lines `SigBlk:` and `SigIgn:` of a process's status, as a child inherits them."""
    return tool("grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status")


def print_terminal() -> list[str]:
    """Print a JSON object that says how the process is tied to its terminal."""
    return python(
        "import json, os\n"
        "def name(fd):\n"
        "    return os.ttyname(fd) if os.isatty(fd) else None\n"
        "try:\n"
        "    controlling = os.ttyname(os.open('/dev/tty', os.O_RDWR))\n"
        "except OSError:\n"
        "    controlling = None\n"
        "print(json.dumps({\n"
        "    'names': [name(0), name(1), name(2)],\n"
        "    'controlling': controlling is not None,\n"
        "    'size': list(os.get_terminal_size(0)) if os.isatty(0) else None,\n"
        "    'foreground': os.tcgetpgrp(0) if os.isatty(0) else None,\n"
        "    'pid': os.getpid(), 'group': os.getpgrp(), 'session': os.getsid(0),\n"
        "}))"
    )


def print_working_directory() -> list[str]:
    """Print the working directory as the kernel has it."""
    return tool("readlink", "/proc/self/cwd")


_SCATTER = """
import os, signal, sys, time

def sleeper(*, leaves_session=False, leaves_parent=False, stubborn=False, stopped=False):
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        if leaves_parent and os.fork() != 0:
            os._exit(0)
        if leaves_session:
            os.setsid()
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if "quiet" in sys.argv:
            null = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(null, standard)
        os.write(write_end, b"%d" % os.getpid())
        os.close(write_end)
        if stopped:
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(600)
        os._exit(0)
    os.close(write_end)
    if leaves_parent:
        os.wait()
    return int(os.read(read_end, 20))

kinds = [
    {}, {"leaves_session": True}, {"leaves_parent": True}, {"stopped": True},
    {"leaves_session": True, "leaves_parent": True},
]
if "stubborn" in sys.argv:
    kinds += [{**kind, "stubborn": True} for kind in kinds]
print(os.getpid(), *[sleeper(**kind) for kind in kinds], flush=True)
if "stays" in sys.argv:
    time.sleep(600)
"""


def scatter(*traits: str) -> list[str]:
    """Start sleepers that leave the parent, the session, or both, and one that is stopped.

    Prints all pids in one line, its own first.

    Args:
        traits: `stays`: does not end after that. `stubborn`: as many again that ignore TERM and
            HUP. `quiet`: the sleepers do not hold the output open.
    """
    return python(_SCATTER, *traits)
