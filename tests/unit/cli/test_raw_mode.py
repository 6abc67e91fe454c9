import os
import pty
import select

from telexec_client.cli.raw_mode import RawMode


def test_keys_that_the_remote_terminal_did_not_get_are_not_left_to_the_shell_here() -> None:
    controller, terminal = pty.openpty()
    try:
        raw_mode = RawMode(terminal)
        raw_mode.set()
        os.write(controller, b"rm -r src\n")
        assert select.select([terminal], [], [], 10)[0]
        raw_mode.restore()
        assert not select.select([terminal], [], [], 0)[0]
    finally:
        os.close(controller)
        os.close(terminal)
