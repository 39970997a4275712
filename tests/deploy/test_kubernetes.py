"""What the overlays make: valid to the API of Kubernetes, and as deploy/README.md says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.config import Settings, variables
from service.web.caller import may_read_metrics
from tests.deploy.tools import DEPLOY, run

OVERLAYS = sorted(path.name for path in (DEPLOY / "kubernetes" / "overlays").iterdir())
_READERS = "NET_CDS_METRICS_READERS"
pytestmark = pytest.mark.slow


@cache
def manifests(overlay: str) -> str:
    hint = "https://kubernetes.io/docs/tasks/tools/"
    return run("kubectl", "kustomize", DEPLOY / "kubernetes" / "overlays" / overlay, hint=hint)


def of_kind(overlay: str, kind: str) -> list[Any]:
    return [one for one in yaml.safe_load_all(manifests(overlay)) if one["kind"] == kind]


def deployment(overlay: str) -> tuple[Any, Any]:
    """The Deployment's spec and that of its one container."""
    (found,) = of_kind(overlay, "Deployment")
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return found["spec"], container


def settings(overlay: str) -> dict[str, str]:
    _, container = deployment(overlay)
    (source,) = container["envFrom"]
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(overlay, "ConfigMap")}
    found: dict[str, str] = maps[source["configMapRef"]["name"]]
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_are_valid_to_the_last_member(tmp_path: Path, overlay: str) -> None:
    written = tmp_path / "manifests.yaml"
    written.write_text(manifests(overlay))
    run("kubernetes-validate", "--strict", written)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_break_no_rule_of_checkov(tmp_path: Path, overlay: str) -> None:
    written = tmp_path / "manifests.yaml"
    written.write_text(manifests(overlay))
    run("checkov", "--config-file", DEPLOY / ".checkov.yaml", "--skip-download", "--file", written)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_is_one_of_the_service(overlay: str) -> None:
    names = set(settings(overlay))
    assert {name for name in names if name.startswith("NET_CDS_")} <= set(variables())
    assert names <= {*variables(), "PGSERVICEFILE"}
    assert settings(overlay)["NET_CDS_AUTH"] == "required"


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("pod", ["10.244.1.7", "192.168.12.3", "100.64.9.9", "fd00:10:244::7"])
def test_prometheus_in_another_pod_can_read_the_metrics(overlay: str, pod: str) -> None:
    readers = Settings.model_validate({_READERS: settings(overlay)[_READERS]}).metrics_readers
    assert may_read_metrics({"REMOTE_ADDR": pod}, readers)
    assert not may_read_metrics({"REMOTE_ADDR": pod, "HTTP_X_FORWARDED_FOR": "203.0.113.9"}, readers)
    assert not may_read_metrics({"REMOTE_ADDR": "203.0.113.9"}, readers)
    (policy,) = [one for one in of_kind(overlay, "NetworkPolicy") if "ingress" in one["spec"]]
    (rule,) = policy["spec"]["ingress"]
    labels = {name for one in rule["from"] for name in one["namespaceSelector"]["matchLabels"]}
    assert labels == {"net-cds.example.org/may-call", "net-cds.example.org/may-scrape"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_that_a_setting_names_is_in_a_volume(overlay: str) -> None:
    _, container = deployment(overlay)
    mounted = tuple(mount["mountPath"] + "/" for mount in container["volumeMounts"])
    named = [value.removeprefix("sqlite:///") for value in settings(overlay).values()]
    paths = [value for value in named if value.startswith("/")]
    assert paths
    assert all(path.startswith(mounted) for path in paths)


def test_only_a_store_for_several_machines_has_several_replicas() -> None:
    clinic, _ = deployment("small-clinic")
    network, _ = deployment("hospital-network")
    assert settings("small-clinic")["NET_CDS_DATABASE_URL"].startswith("sqlite:")
    assert (clinic["replicas"], clinic["strategy"]["type"]) == (1, "Recreate")
    assert not of_kind("small-clinic", "HorizontalPodAutoscaler")
    assert settings("hospital-network")["NET_CDS_DATABASE_URL"].startswith("postgresql+psycopg:")
    assert "replicas" not in network
    (autoscaler,) = of_kind("hospital-network", "HorizontalPodAutoscaler")
    assert autoscaler["spec"]["minReplicas"] >= 2


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_stands_in_the_manifests(overlay: str) -> None:
    assert not of_kind(overlay, "Secret")
    assert "password" not in manifests(overlay).lower()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_has_time_to_answer_what_is_under_way(overlay: str) -> None:
    spec, container = deployment(overlay)
    seconds_of_sleep = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    readiness = container["readinessProbe"]
    assert seconds_of_sleep + 30 <= spec["template"]["spec"]["terminationGracePeriodSeconds"]
    # Until then no balancer has to know that it goes.
    assert seconds_of_sleep >= readiness["periodSeconds"]
