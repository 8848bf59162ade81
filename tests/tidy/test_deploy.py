"""The files for deployments fit the command line, the shop and each other, as far as that shows without a container engine."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from partita.assembly.existing import open_stores
from partita.cli.main import cli
from partita.examples.shop.app import app
from partita.observability.metrics_page import READY
from partita.runtime.system import ROLES

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
UNIT = ROOT / "deploy/systemd/partita@.service"
GUIDES = [ROOT / "docs/guides/deploying.md", ROOT / "docs/guides/running.md"]
KINDS = {
    "ConfigMap": "v1", "Job": "batch/v1", "Deployment": "apps/v1", "PodDisruptionBudget": "policy/v1",
}  # fmt: skip
SERVICES = [service.name for service in app.services]
CALLED = {"payment-service": "psp", "notification-service": "mail"}
WITNESS = ["python", "-m", "partita.examples.shop.witness"]


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return content


def objects() -> list[dict[str, Any]]:
    return [o for path in MANIFESTS for o in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods of Deployments and Jobs."""
    for each in objects():
        if each["kind"] in ("Deployment", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a pod, its sidecars too."""
    spec = pod["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def commands() -> list[list[str]]:
    """Every `partita` command in the files, without the program's name."""
    found = [
        s["command"]
        for s in compose()["services"].values()
        if s.get("image") == "partita-shop" and "entrypoint" not in s
    ]
    found += [c["args"] for _, pod in pods() for c in containers(pod) if "command" not in c]
    start = re.search(r"^ExecStart=(\S+) (.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert start is not None and start[1].endswith("/partita")
    found.append(shlex.split(start[2].replace("%i", SERVICES[0])))
    for guide in GUIDES:
        for block in re.findall(r"```sh\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL):
            found += [
                shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.startswith("partita ")
            ]
    return found


def parsed(words: list[str]) -> dict[str, Any]:
    """What the real command line makes of these words; nothing is run.

    Raises:
        click.UsageError: an option, a command or a value that there is not.
    """
    command: click.Command = cli
    context = cli.make_context("partita", list(words))
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None and name is not None
        command, context = found, found.make_context(name, rest, parent=context)
    return context.params


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of the command line become variables for an app that is loaded later: these tests must not leave any."""
    for name in ("PARTITA_STORE", "PARTITA_BUS", "PARTITA_DATA", "PARTITA_APP"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_in_them_is_one(words: list[str]) -> None:
    """A renamed option would be found by somebody's deployment otherwise."""
    told = parsed(words)
    named_app = told.get("app_name") in (None, "module:app")
    if words[0] == "run":
        assert set(told["roles"].split(",")) <= set(ROLES)
    if "only" in told and not (named_app and "module:app" in words):
        assert set(told["only"]) <= set(SERVICES)


@pytest.mark.parametrize(
    "words", [["run", "--rols", "relay"], ["db", "upgraed"], ["run", "--grace", "soon"]], ids=" ".join
)
def test_a_wrong_command_is_seen(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parsed(words)


def test_every_service_and_a_relay_run_on_each_platform() -> None:
    """A service that nobody runs is an inbox that nobody empties."""
    by_compose = [parsed(s["command"]) for s in compose()["services"].values() if s.get("command", [""])[0] == "run"]
    on_kubernetes = [
        parsed(c["args"]) for _, pod in pods() for c in pod["spec"]["containers"] if c.get("args", [""])[0] == "run"
    ]
    for told in (by_compose, on_kubernetes):
        assert sorted(name for each in told for name in each["only"]) == sorted(SERVICES)
        assert [each["roles"] for each in told if not each["only"]] == ["relay"]
        assert all(set(each["roles"].split(",")) == {"consumers", "timers"} for each in told if each["only"])


def test_a_stop_is_given_longer_than_the_grace() -> None:
    """Else every deployment ends in SIGKILL with work in hand."""
    for each in compose()["services"].values():
        if each.get("command", [""])[0] == "run":
            assert float(each["stop_grace_period"].removesuffix("s")) > parsed(each["command"])["grace"]
    for _, pod in pods():
        for container in pod["spec"]["containers"]:
            if container.get("args", [""])[0] == "run":
                assert pod["spec"]["terminationGracePeriodSeconds"] > parsed(container["args"])["grace"]
    unit = UNIT.read_text(encoding="utf-8")
    stop, grace = re.search(r"TimeoutStopSec=(\d+)", unit), re.search(r"--grace (\d+)", unit)
    assert stop and grace and int(stop[1]) > int(grace[1])


def test_the_parts_of_compose_are_there() -> None:
    """What is depended on is a service, waited for by a condition it can fulfil; what is mounted is a volume."""
    content = compose()
    services = content["services"]
    for each in services.values():
        for name, how in each.get("depends_on", {}).items():
            assert name in services
            assert how["condition"] != "service_healthy" or "healthcheck" in services[name]
        for volume in each.get("volumes", []):
            assert volume.split(":")[0] in content["volumes"]
    assert parsed(services["migrate"]["command"])["yes"] and services["migrate"]["restart"] == "no"
    assert services["relay"]["environment"]["PARTITA_MIGRATE"] == "off"


def test_the_kubernetes_objects_fit_each_other() -> None:
    """What the server would accept and then never match."""
    found = objects()
    labels = [pod["metadata"]["labels"] for _, pod in pods()]
    assert len({(o["kind"], o["metadata"]["name"]) for o in found}) == len(found)
    for each in found:
        assert each["apiVersion"] == KINDS[each["kind"]]
        if each["kind"] == "Deployment":
            assert each["spec"]["selector"]["matchLabels"] == each["spec"]["template"]["metadata"]["labels"]
        if each["kind"] == "PodDisruptionBudget":
            assert labels.count(each["spec"]["selector"]["matchLabels"]) == 1
    guarded = {o["metadata"]["name"] for o in found if o["kind"] == "PodDisruptionBudget"}
    assert guarded == {o["metadata"]["name"] for o in found if o["kind"] == "Deployment"}
    maps = {o["metadata"]["name"] for o in found if o["kind"] == "ConfigMap"}
    for name, pod in pods():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"], name
        for container in containers(pod):
            volumes = {volume["name"] for volume in spec["volumes"]}
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            assert {source["configMapRef"]["name"] for source in container.get("envFrom", [])} <= maps
            ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe in container:
                    assert container[probe]["httpGet"]["path"] in READY
                    assert ports[container[probe]["httpGet"]["port"]] == int(
                        parsed(container["args"])["metrics"].split(":")[1]
                    )
            assert "args" in container or container["command"][:3] == WITNESS


def test_who_calls_a_witness_shares_its_network() -> None:
    """A witness listens on loopback and writes its address into the folder: elsewhere nobody answers at that address."""
    services = compose()["services"]
    for caller, witness in CALLED.items():
        assert services[witness]["entrypoint"] == WITNESS and services[witness]["command"][0] == witness
        assert network(services, caller) == network(services, witness), f"{caller} cannot reach {witness}"
        assert services[caller]["volumes"] == services[witness]["volumes"]
        (of_caller,) = [pod for name, pod in pods() if name == caller]
        (started,) = of_caller["spec"]["initContainers"]
        assert started["command"][3] == witness
        # A sidecar of its own kind ends after the service has finished; one beside it would end at once, by the same SIGTERM.
        assert started["restartPolicy"] == "Always"
        assert started["volumeMounts"] == of_caller["spec"]["containers"][0]["volumeMounts"]


def network(services: dict[str, Any], name: str) -> str:
    """Whose network a service of compose is in."""
    mode = str(services[name].get("network_mode", ""))
    return mode.removeprefix("service:") if mode.startswith("service:") else name


def test_nobody_is_found_sick_for_a_broker_that_is_down() -> None:
    """`/metrics` waits for the broker; who is killed for that takes no orders meanwhile."""
    asked = [s["healthcheck"]["test"] for s in compose()["services"].values() if s.get("command", [""])[0] == "run"]
    assert len(asked) == len(SERVICES) + 1
    for words in asked:
        page = re.search(r"http://127\.0\.0\.1:9464(/\w+)", words[-1])
        assert page and page[1] in READY


def test_the_image_has_one_version() -> None:
    """`latest` is asked of a registry at every start, and is nobody's version."""
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {c["image"] for _, pod in pods() for c in containers(pod)} == {f"partita-shop:{version}"}
    guide = (ROOT / "docs/guides/deploying.md").read_text(encoding="utf-8")
    assert set(re.findall(r"partita-shop:(\S+)", guide)) == {version}


async def test_the_order_of_the_guide_is_placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a newcomer copies it, on files in place of the servers. A second time it is the same order."""
    (script,) = re.findall(r"<<'END'\n(.*?)\nEND\n", GUIDES[0].read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-"], input=script, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("OrderPlaced(order_id='first'")
    async with open_stores(app, tmp_path) as stores, stores["order-service"].reading() as session:
        assert await session.fetch("SELECT order_id, total_cents FROM orders", {}) == [
            {"order_id": "first", "total_cents": 450}
        ]


def test_no_secret_lies_in_them() -> None:
    """They are referred to, or taken from the environment of who starts it."""
    assert not [o for o in objects() if o["kind"] == "Secret"]
    for _, pod in pods():
        for container in containers(pod):
            for variable in container.get("env", []):
                assert set(variable) == {"name", "valueFrom"} and "secretKeyRef" in variable["valueFrom"]
    for path in [ROOT / "compose.yaml", ROOT / "Dockerfile", UNIT, *MANIFESTS]:
        for _, password in re.findall(r"://([^:@\s/]+):([^@\s]+)@", path.read_text(encoding="utf-8")):
            assert password.startswith("${"), path


def test_the_image_says_what_the_manifests_count_on() -> None:
    """The user's number, the folder, the entry point in exec form: a shell would keep SIGTERM for itself."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert 'ENTRYPOINT ["partita"]' in text and "USER 10001" in text and "PARTITA_DATA=/var/lib/partita" in text
    assert {pod["spec"]["securityContext"]["runAsUser"] for _, pod in pods()} == {10001}
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    extras = re.search(r"'\.\[(.*?)\]'", text)
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert extras and all(f"\n{extra} = [" in declared for extra in extras[1].split(","))


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze; to run this: apt-get install systemd"
)
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    """With the program and the folder of this machine in place of those of a deployment."""
    text = UNIT.read_text(encoding="utf-8").replace(
        "/opt/partita/bin/partita", str(Path(sys.executable).with_name("partita"))
    )
    unit = tmp_path / f"partita@{SERVICES[0]}.service"
    unit.write_text(text.replace("=/opt/partita", f"={tmp_path}"), encoding="utf-8")
    assert verified(unit) == ""
    unit.write_text(text.replace("KillMode=mixed", "KilMode=mixed"), encoding="utf-8")
    assert "KilMode" in verified(unit), "a mistake would be seen"


def verified(unit: Path) -> str:
    """What systemd has to say against a unit, of that unit."""
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
    return "\n".join(said)
