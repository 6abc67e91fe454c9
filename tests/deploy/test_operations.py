"""What docs/operations.md tells an operator to do does what it says, on a real machine."""

from pathlib import Path

import pytest
import trustme

from tests.deploy.client import RUN, TELEXEC, said, sleepers
from tests.deploy.documented import shell_blocks
from tests.deploy.machine import Machine
from tests.harness.deadline import DEADLINE_S, eventually_blocking


def last_event(unit: Machine) -> str:
    return unit.run("journalctl --unit telexec --output cat | grep '\"event\"' | tail -1")


def until_reloaded(unit: Machine) -> str:
    return eventually_blocking(
        lambda: event if "service.reloaded" in (event := last_event(unit)) else "",
        what="the reload",
    )


def test_after_the_installation_it_runs_a_command(unit: Machine) -> None:
    assert "(telexec)" in unit.run(shell_blocks("systemd")[1])


def test_whoever_installs_it_with_pip_serves_without_root(unit: Machine) -> None:
    unit.run("systemctl stop telexec; useradd --create-home somebody || true")
    (commands,) = shell_blocks("pip")
    with unit.running(f"exec su - somebody -c 'set -eu\n{commands}'") as service:
        assert eventually_blocking(lambda: "ws://" in said(service), what="its address")
        run = "~/telexec/bin/telexec run --url ws://127.0.0.1:7333 --token-file ~/.telexec-token"
        assert unit.run(f"su - somebody -c '{run} -- id -un'") == "somebody\n"
        unit.run("pkill --uid somebody telexec-service")
        assert service.wait(DEADLINE_S) == 0


def test_other_machines_connect_over_tls_and_a_renewed_certificate_is_taken(
    unit: Machine, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def renew() -> None:
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
        for blob in issued.cert_chain_pems[:1]:
            blob.write_to_path(str(tmp_path / "tls.crt"))
        unit.put(tmp_path, "/etc/telexec")
        unit.run("chown root:root /etc/telexec/tls.*; chmod 600 /etc/telexec/tls.*")

    renew()
    unit.run(shell_blocks("systemd")[2])
    run = f"{TELEXEC} --url wss://127.0.0.1:7333 --ca /etc/telexec/ca.pem -- echo over TLS"
    assert unit.run(run) == "over TLS\n"
    renew()
    unit.run("systemctl reload telexec")
    assert '"certificate_changed":true' in until_reloaded(unit)
    assert unit.run(run) == "over TLS\n"


def test_the_configuration_can_be_looked_at_and_put_in_force(unit: Machine) -> None:
    unit.run("printf '[env]\\nset = { CI = \"1\" }\\n' >> /etc/telexec/config.toml")
    (commands,) = shell_blocks("Configure")
    assert "the configuration is in order" in unit.run(commands)
    assert unit.run(f"{RUN} 'echo $CI'") == "1\n"


def test_an_upgrade_leaves_a_service_that_serves(unit: Machine) -> None:
    before = unit.unit_property("MainPID")
    (commands,) = shell_blocks("Upgrade")
    unit.run(commands)
    assert unit.run(f"{RUN} 'echo upgraded'") == "upgraded\n"
    assert unit.unit_property("MainPID") != before


def test_draining_takes_as_long_as_the_configuration_says_whatever_the_unit_does(
    unit: Machine,
) -> None:
    unit.run("printf '[shutdown]\\ndrain_s = 3600.0\\n' >> /etc/telexec/config.toml")
    unit.drop_in("impatient", "TimeoutStopSec=1")
    unit.run("systemctl restart telexec")
    with unit.running(f"{RUN} 'echo up; sleep 3; echo done'") as client:
        assert said(client) == "up\n"
        unit.run("systemctl stop telexec")
        assert said(client) == "done\n"
    assert unit.unit_property("Result") == "success"


def test_a_drain_can_be_cut_short(unit: Machine) -> None:
    unit.run("printf '[shutdown]\\ndrain_s = 3600.0\\n' >> /etc/telexec/config.toml")
    unit.run("systemctl restart telexec")
    with unit.running(f"{RUN} 'echo up; exec sleep 1000'") as client:
        assert said(client) == "up\n"
        unit.run("systemctl stop --no-block telexec")
        eventually_blocking(
            lambda: unit.unit_property("StatusText").startswith("draining"), what="the drain"
        )
        (commands,) = shell_blocks("Drain")
        unit.run(commands)
        eventually_blocking(
            lambda: unit.unit_property("ActiveState") == "inactive", what="the unit's end"
        )
    assert unit.unit_property("Result") == "success"
    assert sleepers(unit) == ""


def test_a_token_is_rotated_without_a_gap_for_what_runs(unit: Machine) -> None:
    add, look = shell_blocks("Rotate")
    run = "/opt/telexec/bin/telexec run --url ws://127.0.0.1:7333"
    unit.run("cp /etc/telexec/token /old")
    with unit.running(f"{RUN} 'echo up; sleep 5; echo done'") as client:
        assert said(client) == "up\n"
        unit.run(add)
        assert '"tokens_added":1' in until_reloaded(unit)
        unit.run("tail -1 /etc/telexec/token > /new")
        for file in ("/old", "/new"):
            assert unit.run(f"{run} --token-file {file} -- echo in") == "in\n"
        assert said(client) == "done\n"
    unit.run("cp /new /etc/telexec/token; systemctl reload telexec")
    eventually_blocking(lambda: '"tokens_revoked":1' in unit.run(look), what="the revocation")
    assert unit.run(f"{run} --token-file /new -- echo in") == "in\n"
    assert "401" in unit.run(f"{run} --token-file /old -- echo in", check=False)
    assert unit.unit_property("StatusText") == "serving ws://127.0.0.1:7333"


def test_a_scraper_has_a_token_of_its_own(unit: Machine) -> None:
    (commands,) = shell_blocks("Watch")
    unit.run(commands)
    unit.run(
        "echo 'metrics_token_file = \"/etc/telexec/metrics-token\"' >> /etc/telexec/config.toml"
    )
    unit.run("systemctl restart telexec")
    header = '"Authorization: Bearer $(cat /etc/telexec/metrics-token)"'
    assert "telexec_build_info" in unit.run(f"curl -sf -H {header} http://127.0.0.1:7333/metrics")


def test_an_operator_sees_what_it_says_of_itself(unit: Machine) -> None:
    told = unit.run(shell_blocks("Debug")[0])
    assert "serving ws://127.0.0.1:7333" in told
    assert "\nok\n" in told
    assert '"event":"service.started"' in told


@pytest.mark.parametrize(
    ("mistake", "said_of_it"),
    [
        ("rm /etc/telexec/token", "status=243/CREDENTIALS"),
        ("rm /etc/telexec/config.toml", "cannot read the configuration"),
        ("echo 'listn = 1' >> /etc/telexec/config.toml", "unknown key"),
    ],
)
def test_a_mistake_is_said_in_the_words_of_the_table(
    unit: Machine, mistake: str, said_of_it: str
) -> None:
    unit.run(mistake)
    unit.run("systemctl restart telexec", check=False)
    # The status shows the latest attempt only, and it is tried again and again.
    look = "journalctl --no-pager --lines 100 --unit telexec"
    eventually_blocking(lambda: said_of_it in unit.run(look, check=False), what=said_of_it)
