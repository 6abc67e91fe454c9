"""The alerts of docs/operations.md are about what a service tells Prometheus."""

import re
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.harness.deadline import DEADLINE_S
from tests.harness.server import Server

PAGE = (Path(__file__).parents[3] / "docs/operations.md").read_text()

OF_THE_SCRAPER = ("up", "job")
"""Metrics and labels that Prometheus itself adds."""


def test_an_alert_names_metrics_and_labels_that_there_are(service: Server) -> None:
    url = service.url.replace("ws://", "http://") + "/metrics"
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    names = {sample.name for sample in samples}
    labelled = {(sample.name, *label) for sample in samples for label in sample.labels.items()}

    expressions = re.findall(r"^ *expr: (.*)$", PAGE, re.MULTILINE)
    assert len(expressions) > 5
    for expression in expressions:
        selected = re.findall(r'\b([a-z]\w*_\w+|up)\b(?:\{(\w+)="(\w+)"\})?', expression)
        assert selected, expression
        for name, label, value in selected:
            assert name in names or name in OF_THE_SCRAPER, expression
            if label and label not in OF_THE_SCRAPER:
                assert (name, label, value) in labelled, expression
