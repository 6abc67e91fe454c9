"""The command line of the benchmarks."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.cache import use_installed_packages
from benchmarks.peers import install_peers
from benchmarks.plot import MissingPlotterError, plot
from benchmarks.registry import SUBJECTS
from benchmarks.results import Results
from benchmarks.run import run
from benchmarks.sizes import FULL, QUICK
from benchmarks.table import report
from benchmarks.workload_list import workloads

_INTERRUPTED = 130
_OURS = ("telexec", "telexec-binary", "telexec-client", "floor", "relay", "websocket")

_EPILOG = """\
`python -m benchmarks peers` installs the peers that can be installed into
$XDG_CACHE_HOME/telexec-bench and says how to get the others. What is not there is left out.

A full run takes about 15 minutes, a quick one 3; the machine should do nothing else. Every cell is
the median over the rounds and, in parentheses, the least and the greatest. Ratios are medians of
same-round ratios. docs/performance.md says what each number means.
"""


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code."""
    if list(arguments) == ["peers"]:
        return install_peers()
    options = _parser().parse_args(arguments)
    use_installed_packages()
    try:
        if options.saved is not None:
            results = Results.load(options.saved)
        else:
            everything = workloads()
            chosen = [everything[name] for name in options.only or everything]
            results = uvloop.run(
                run(_subjects(options.peers), chosen, QUICK if options.quick else FULL)
            )
        if options.json is not None:
            results.save(options.json)
        print(report(results, {name: make().about for name, make in SUBJECTS.items()}))
        if options.plot is not None:
            plot(results, options.plot)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _INTERRUPTED
    except (MissingPlotterError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _subjects(peers: Sequence[str] | None) -> list[str]:
    return [name for name in SUBJECTS if peers is None or name in _OURS or name in peers]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure telexec beside its peers and beside the floor.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(workloads()),
        metavar="NAME",
        help=f"only these workloads: {', '.join(workloads())}",
    )
    peers = [name for name in SUBJECTS if name not in _OURS]
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=peers,
        metavar="NAME",
        help=f"only these peers, or none: {', '.join(peers)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the results")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them: .svg or .png")
    parser.add_argument(
        "--from",
        dest="saved",
        type=Path,
        metavar="FILE",
        help="measure nothing: show results that --json has saved",
    )
    return parser
