"""The manifests fit together, and to the application: as far as can be told without a cluster."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from app.settings import Mode, Settings

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
DATA = Path("/var/lib/ansflow")
"""The data folder of the image, see the Dockerfile."""


def documents() -> list[dict[str, Any]]:
    """All that is applied, and the example of the secret."""
    files = sorted(set(FOLDER.glob("*.yaml")) - {FOLDER / "kustomization.yaml"})
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


def workloads() -> Iterator[dict[str, Any]]:
    yield from (each for each in documents() if each["kind"] in ("Deployment", "Job"))


def pods() -> Iterator[dict[str, Any]]:
    yield from (each["spec"]["template"]["spec"] for each in workloads())


def named(kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in documents() if each["kind"] == kind}


def test_every_pod_is_restricted_as_its_namespace_demands() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}


def test_what_is_referred_to_exists() -> None:
    for pod in pods():
        volumes = {each["name"]: each for each in pod["volumes"]}
        claims = {
            each["persistentVolumeClaim"]["claimName"]
            for each in volumes.values()
            if "persistentVolumeClaim" in each
        }
        assert claims == named("PersistentVolumeClaim")
        for container in pod["containers"]:
            assert {each["name"] for each in container["volumeMounts"]} == set(volumes)
            sources = container["envFrom"]
            assert {sources[0]["configMapRef"]["name"]} == named("ConfigMap")
            assert {sources[1]["secretRef"]["name"]} == named("Secret")
            ports = {each["name"] for each in container.get("ports", ())}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert probe not in container or container[probe]["httpGet"]["port"] in ports


def test_selectors_choose_their_own_pods() -> None:
    labels = [each["spec"]["template"].get("metadata", {}).get("labels") for each in workloads()]
    for each in documents():
        match each["kind"]:
            case "Deployment":
                chosen = each["spec"]["selector"]["matchLabels"]
                assert chosen == each["spec"]["template"]["metadata"]["labels"]
            case "Service":
                chosen = each["spec"]["selector"]
            case _:
                continue
        assert labels.count(chosen) == 1


@pytest.fixture
def settings() -> Settings:
    """What a pod is configured with."""
    given: dict[str, str] = {}
    for each in documents():
        given |= each.get("data", {}) | each.get("stringData", {})
    with pytest.MonkeyPatch.context() as patch:
        for name, text in given.items():
            patch.setenv(name, text)
        patch.setenv("ANSFLOW_DATA__FOLDER", str(DATA))
        return Settings(_env_file=None)


def test_the_settings_are_whole(settings: Settings) -> None:
    assert settings.mode is Mode.DISTRIBUTED
    assert settings.server.production is True
    shown = {
        port["containerPort"]
        for pod in pods()
        for container in pod["containers"]
        for port in container.get("ports", ())
        if port["name"] == "metrics"
    }
    assert shown == {settings.worker.metrics_port}


def test_what_all_must_share_is_on_the_claim(settings: Settings) -> None:
    urls = (settings.artifacts_url, settings.backups_url, settings.log_archive_url)
    shared = {urlsplit(url).path for url in urls}
    assert len(shared) == 3
    for pod in pods():
        for container in pod["containers"]:
            mounts = {
                each["mountPath"]: each["subPath"]
                for each in container["volumeMounts"]
                if each["name"] == "data"
            }
            assert set(mounts) == shared
            assert all(Path(path).name == sub for path, sub in mounts.items())


def test_workers_get_the_time_that_they_take_to_end(settings: Settings) -> None:
    (worker,) = (each for each in workloads() if each["metadata"]["name"] == "worker")
    limit_s = worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert limit_s > settings.worker.drain_s + settings.worker.grace_s


def test_kustomize_accepts_them() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    argv = [kubectl, "kustomize", str(FOLDER)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    wanted = [each["kind"] for each in documents() if each["kind"] != "Secret"]
    assert sorted(each["kind"] for each in made) == sorted(wanted)
    assert {each["metadata"].get("namespace") for each in made if each["kind"] != "Namespace"} == {
        "ansflow"
    }
