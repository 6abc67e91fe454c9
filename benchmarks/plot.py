"""Results as a picture: bars of each workload's main metric, one panel for each."""

import importlib
from pathlib import Path
from typing import Any

from benchmarks.results import Results
from benchmarks.spread import spread
from benchmarks.table import number

MAIN_METRICS = (
    ("exec", "p50", "`true`, p50"),
    ("rate", "c=8", "`true`, 8 at once"),
    ("rate", "c=32", "`true`, 32 at once"),
    ("zeros", "rate", "1 GiB of output"),
    ("zeros", "server CPU", "server CPU per GiB"),
    ("lines", "time", "seq 1 1000000"),
    ("echo", "p50", "echo of a line, p50"),
    ("fanout200", "p99", "200 processes: delay, p99"),
    ("fanout200", "server CPU", "200 processes: server CPU"),
    ("idle", "a connection", "an idle connection"),
    ("startup", "time", "start of the server"),
)
_COLUMNS = 3
_OURS, _FLOOR, _PEER = "#1f6f8b", "#b8b8b8", "#d9b48f"
_NO_PEERS = frozenset({"floor", "relay", "websocket"})


class MissingPlotterError(Exception):
    """matplotlib is not there."""


def plot(results: Results, path: Path) -> None:
    """Draw what the results have of the main metrics; the file's suffix says the format.

    Raises:
        MissingPlotterError: matplotlib is not installed.
    """
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        matplotlib.use("Agg")
        pyplot: Any = importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise MissingPlotterError(
            "cannot draw without matplotlib: run `python -m benchmarks peers`"
        ) from error
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "telexec", "font.size": 9}
    panels = [
        (results.workloads[workload], metric, title)
        for workload, metric, title in MAIN_METRICS
        if workload in results.workloads and metric in results.workloads[workload].values
    ]
    rows = -(-len(panels) // _COLUMNS)
    figure, axes = pyplot.subplots(
        rows, _COLUMNS, figsize=(4.2 * _COLUMNS, 2.3 * rows), squeeze=False, layout="constrained"
    )
    for place, panel in enumerate(axes.flat):
        if place < len(panels):
            _draw(panel, *panels[place])
        else:
            panel.set_axis_off()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    pyplot.close(figure)


def _draw(panel: Any, workload: Any, metric: str, title: str) -> None:
    unit, better = next(
        (each.unit, each.better) for each in workload.metrics if each.name == metric
    )
    rows = list(workload.values[metric].items())[::-1]
    spreads = [spread(values) for _, values in rows]
    medians = [each.median for each in spreads]
    whiskers = [
        [each.median - each.low for each in spreads],
        [each.high - each.median for each in spreads],
    ]
    panel.barh(
        [name for name, _ in rows],
        medians,
        xerr=whiskers,
        color=[_color(name) for name, _ in rows],
        error_kw={"ecolor": "#555555", "elinewidth": 0.8},
    )
    furthest = max(each.high for each in spreads)
    for place, each in enumerate(spreads):
        panel.text(each.high + furthest * 0.02, place, number(each.median), va="center")
    panel.set_xlim(0, furthest * 1.2 or 1)
    panel.set_title(f"{title} ({unit}, {better} is better)", fontsize=9, loc="left")
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _color(name: str) -> str:
    if name in _NO_PEERS:
        return _FLOOR
    return _OURS if name.startswith("telexec") else _PEER
