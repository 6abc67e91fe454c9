"""`python -m tests.faults.soak`: many sessions for a long time, everything going wrong."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.faults.soak.run import config, soak
from tests.harness.cgroup import own_cgroup
from tests.harness.service import running_service


def main() -> int:
    """Run it, print what came of it, and return 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--no-uvloop", action="store_true", help="have the service on asyncio's loop"
    )
    parser.add_argument(
        "--cgroups", action="store_true", help="give each process a cgroup; needs root"
    )
    arguments = parser.parse_args()
    options = ["--no-uvloop"] if arguments.no_uvloop else []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        group = stack.enter_context(own_cgroup()) if arguments.cgroups else None
        settings = config(directory, group)
        server = stack.enter_context(running_service(directory, config=settings, options=options))
        report = asyncio.run(
            soak(
                server,
                directory,
                group=group,
                seconds=arguments.minutes * 60,
                sessions=arguments.sessions,
                seed=arguments.seed,
            )
        )
    print(report.table())
    for complaint in report.complaints[:20]:
        print(f"\n{complaint}")
    print(report.json_line())
    return 1 if report.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
