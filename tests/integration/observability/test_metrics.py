"""What a scraper sees."""

import json
import signal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from telexec_schemas import methods
from telexec_schemas.method import Method
from tests.harness import programs
from tests.harness.deadline import eventually, within
from tests.harness.http_request import get, http, page
from tests.harness.raw_peer import raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(server: Server, token: str | None = None) -> Samples:
    text = await page(server, "/metrics", token=token)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"telexec_{name}", tuple(sorted(labels.items()))]


async def test_the_numbers_are_those_of_what_happened(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nretained_bytes = 10\n") as server:
        async with raw_peer(server.url) as peer:
            said = await peer.start(programs.say_both("12345", "123"))
            await said.until_closed()
            fed = await peer.start(programs.echo(), pipeStdin=True)
            await fed.write(b"abcd\n", write_id="once")
            await fed.write(b"abcd\n", write_id="once")
            await fed.until_output(b"abcd\n")
            await fed.terminate()
            await fed.until_closed()
            many = await peer.start(programs.numbered_lines(1, 50))
            await many.until_closed()
            batch = await many.read(afterSeq=0, afterBytes=0)
            missing = await peer.refusal(
                "process/start",
                {
                    "processId": "x",
                    "argv": ["/no/such"],
                    "cwd": "file:///",
                    "env": {},
                    "tty": False,
                },
            )
            assert missing.reason == "programNotFound"
            running = await peer.start(programs.say_and_sleep("here", 600), tty=True)
            await running.until_output(b"here")
            samples = await scrape(server)
            assert value(samples, "connections_open") == 2
            assert value(samples, "connections_total", result="opened") == 1
            assert value(samples, "connections_total", result="page") == 1
            assert value(samples, "sessions_attached") == 1
            assert value(samples, "sessions_detached") == 0
            assert value(samples, "sessions_started_total") == 1
            assert value(samples, "processes_running") == 1
            assert value(samples, "processes_finished") == 3
            assert value(samples, "process_starts_total", result="ok") == 4
            assert value(samples, "process_starts_total", result="programNotFound") == 1
            assert value(samples, "process_ends_total", reason="exited") == 2
            assert value(samples, "process_ends_total", reason="terminated") == 1
            assert value(samples, "process_kills_total", reason="terminated") == 1
            assert value(samples, "requests_total", method="process/start", outcome="ok") == 4
            assert value(samples, "requests_total", method="process/start", outcome="error") == 1
            assert value(samples, "requests_total", method="process/write", outcome="ok") == 2
            assert value(samples, "request_errors_total", reason="programNotFound") == 1
            duration = "request_duration_seconds"
            assert value(samples, f"{duration}_count", method="process/start") == 5
            assert value(samples, f"{duration}_bucket", method="process/start", le="+Inf") == 5
            assert value(samples, f"{duration}_sum", method="process/start") > 0
            counted = len(programs.expected_lines(1, 50)) + len("12345") + len("abcd\n")
            assert value(samples, "output_bytes_total", stream="stdout") == counted
            assert value(samples, "output_bytes_total", stream="stderr") == 3
            assert value(samples, "output_bytes_total", stream="pty") == 4
            assert value(samples, "stdin_bytes_total") == 5
            assert value(samples, "output_gap_bytes_total") == batch["lost"]
            assert value(samples, "output_gaps_total") == (1 if batch["lost"] else 0)
            assert 0 < value(samples, "retained_bytes") <= counted + 7
            session = peer.session_id
        await eventually_detached(server)
        async with raw_peer(server.url, resume=session):
            samples = await scrape(server)
            assert value(samples, "sessions_resumed_total") == 1
            assert value(samples, "sessions_started_total") == 1


async def eventually_detached(server: Server) -> None:
    async def until_detached() -> None:
        while value(await scrape(server), "sessions_detached") != 1:
            pass

    await within(until_detached(), what="the session to be detached")


async def test_what_expires_is_counted_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[sessions]\nlease_s = 0.1\n") as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.say_and_sleep("here", 600))
            await process.until_output(b"here")
        await eventually(lambda: not server.children())
        samples = await scrape(server)
    assert value(samples, "sessions_ended_total", reason="expired") == 1
    assert value(samples, "process_ends_total", reason="sessionExpired") == 1
    for gauge in ("processes_running", "processes_finished", "retained_bytes", "sessions_detached"):
        assert value(samples, gauge) == 0, gauge


async def test_nothing_that_a_client_sends_makes_a_new_series(tmp_path: Path) -> None:
    with running_service(tmp_path) as server:
        before = await scrape(server)
        async with raw_peer(server.url) as peer:
            for method in ("process/nothing", "", "x" * 1000, 'a"b\\c\n{}', "other", "\u00e9"):
                assert (await peer.refusal(method)).reason == "methodUnknown"
            await peer.refusal("process/start", {"processId": "secret"})
            await peer.refusal("fs/readFile", {"path": "file:///no/such/secret"})
            await peer.refusal_of_frame("not json")
            for path in ("/secret", "/metrics/secret"):
                assert (await http(server, get(path)))[0] == 404
            after = await scrape(server)
    assert after.keys() == before.keys()
    assert value(after, "requests_total", method="other", outcome="error") == 7


async def test_every_method_is_counted_under_its_name(tmp_path: Path) -> None:
    names = {it.name for it in vars(methods).values() if isinstance(it, Method)}
    with running_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            for method in ("session/list", "process/list", "session/end"):
                await peer.request(method, {})
        samples = await scrape(server)
    counted = {
        dict(labels)["method"] for name, labels in samples if name == "telexec_requests_total"
    }
    assert counted == names | {"other"}
    for method in ("session/list", "process/list", "session/end"):
        assert value(samples, "requests_total", method=method, outcome="ok") == 1
    assert value(samples, "requests_total", method="other", outcome="ok") == 0


async def test_a_request_that_lost_its_connection_is_counted_as_cancelled(tmp_path: Path) -> None:
    with running_service(tmp_path) as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.sleep())
            await peer.ask("process/read", {"processId": process.process_id, "waitMs": 600_000})
            await peer.request("environment/info")
        await eventually_detached(server)
        samples = await scrape(server)
    assert value(samples, "requests_total", method="process/read", outcome="cancelled") == 1


async def test_openmetrics_is_spoken_to_who_asks_for_it(service: Server) -> None:
    accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    status, answer = await http(service, get("/metrics", accept))
    head, _, text = answer.partition("\r\n\r\n")
    assert status == 200
    assert "application/openmetrics-text" in head
    assert "telexec_build" in {family.name for family in parse_openmetrics(text)}


async def test_every_metric_is_documented_and_says_what_to_do(service: Server) -> None:
    document = (Path(__file__).parents[3] / "docs/service.md").read_text()
    families = list(text_string_to_metric_families(await page(service, "/metrics")))
    ours = [family for family in families if family.name.startswith("telexec_")]
    assert len(ours) > 20
    for family in ours:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}`" in document, name
        assert len(family.documentation) > 10, name


async def test_the_system_tells_of_the_process_as_well(service: Server) -> None:
    names = {name for name, _ in await scrape(service)}
    assert {"process_start_time_seconds", "process_open_fds", "process_cpu_seconds_total"} <= names


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
async def test_head_has_the_size_and_no_content(service: Server, path: str) -> None:
    request = get(path).replace("GET", "HEAD", 1)
    status, answer = await http(service, request)
    head, _, content = answer.partition("\r\n\r\n")
    assert (status, content) == (200, "")
    assert "content-length: 0\r\n" not in f"{head}\r\n".lower()


async def test_another_method_is_told_which_ones_there_are(service: Server) -> None:
    status, answer = await http(service, get("/metrics").replace("GET", "POST", 1))
    assert status == 405
    assert "Allow: GET, HEAD" in answer


async def test_the_metrics_token_opens_the_numbers_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("scraper\n")
    options = ["--metrics-token-file", str(tmp_path / "metrics")]
    with running_service(tmp_path, guarded=True, options=options) as server:
        bearer = "Authorization: Bearer scraper"
        assert (await http(server, get("/metrics")))[0] == 401
        assert (await http(server, get("/metrics", "Authorization: Bearer wrong")))[0] == 401
        assert (await http(server, get("/metrics", "Authorization: Basic x")))[0] == 401
        assert (await http(server, get("/", bearer)))[0] == 401
        samples = await scrape(server, "scraper")
        assert value(samples, "auth_failures_total", reason="missing") == 1
        assert value(samples, "auth_failures_total", reason="malformed") == 1
        assert value(samples, "auth_failures_total", reason="wrong_token") == 2
        assert value(samples, "connections_total", result="unauthorized") == 4
        assert await scrape(server, server.token)


async def test_the_metrics_token_is_read_again_when_asked_to(tmp_path: Path) -> None:
    file = tmp_path / "metrics"
    file.write_text("before\n")
    options = ["--metrics-token-file", str(file)]
    with running_service(tmp_path, guarded=True, options=options) as server:
        file.write_text("after\n")
        server.send_signal(signal.SIGHUP)
        await eventually(lambda: "service.reloaded" in server.log())
        assert (await http(server, get("/metrics", "Authorization: Bearer before")))[0] == 401
        assert await scrape(server, "after")


async def test_the_metrics_token_is_wanted_also_where_clients_need_none(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("scraper\n")
    options = ["--metrics-token-file", str(tmp_path / "metrics")]
    with running_service(tmp_path, options=options) as server:
        assert (await http(server, get("/metrics")))[0] == 401
        assert await scrape(server, "scraper")
        async with raw_peer(server.url) as peer:
            await peer.request("environment/info")


async def test_health_says_numbers_to_who_has_the_token(tokened_service: Server) -> None:
    assert json.loads(await page(tokened_service, "/healthz")) == {"status": "ok"}
    health = json.loads(await page(tokened_service, "/healthz", token=tokened_service.token))
    assert health.pop("uptime_s") >= 0
    assert isinstance(health.pop("version"), str)
    assert health == {"status": "ok", "connections": 1, "sessions": 0, "processes": 0}
