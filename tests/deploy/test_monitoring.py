"""Dashboards, alerts and manifests speak of what the application really has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from app.cli.application import COMMANDS
from app.core.metrics import (
    cache_requests,
    connections,
    executions,
    job_duration,
    queue_messages,
    rate_limit_open,
    redis_failures,
)
from app.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "ansflow.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
_METRIC = re.compile(r"\b(?:ansflow|http|process|python)_\w+")
_LABELS = re.compile(r"\b((?:ansflow|http)_\w+)\{([^}]*)\}")
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}
LABELLED = {
    "ansflow_executions_total": executions,
    "ansflow_job_duration_seconds": job_duration,
    "ansflow_queue_messages": queue_messages,
    "ansflow_cache_requests_total": cache_requests,
    "ansflow_connections": connections,
    "ansflow_redis_failures_total": redis_failures,
    "ansflow_rate_limit_open_total": rate_limit_open,
}


def expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


ALL = tuple(expressions())


@pytest.fixture
async def exported(client: httpx.AsyncClient) -> set[str]:
    """The names of all series that the application can show."""
    await client.get("/api/v1/projects")
    page = (await client.get("/metrics")).text
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE):
        base = name.removesuffix("_total") if kind == "counter" else name
        names |= {base + suffix for suffix in SUFFIXES[kind]}
    return names


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_every_metric_that_is_named_is_exported(exported: set[str]) -> None:
    named = {name for expression in ALL for name in _METRIC.findall(expression)}
    assert len(named) > 8
    assert named <= exported


def test_labels_that_are_named_exist() -> None:
    for expression in ALL:
        for metric, matchers in _LABELS.findall(expression):
            if metric in LABELLED:
                known = LABELLED[metric]._labelnames  # noqa: SLF001  has no public name
                assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= set(known), expression


def test_panels_do_not_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def documents() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def test_manifests_name_settings_and_commands_that_exist() -> None:
    known = {
        f"ANSFLOW_{part}__{name}".upper()
        for part, field in Settings.model_fields.items()
        for name in getattr(field.annotation, "model_fields", ())
    }
    commands = set()
    for document in documents():
        given = document.get("data", {}) | document.get("stringData", {})
        assert set(given) <= known
        if document["kind"] in ("Deployment", "Job"):
            spec = document["spec"]["template"]["spec"]
            assert spec["securityContext"]["runAsNonRoot"] is True
            for container in spec["containers"]:
                commands.add(container["args"][0])
    assert commands == {"migrate", "serve", "worker", "scheduler"} <= set(COMMANDS)


def test_the_kustomization_has_every_manifest_but_the_example() -> None:
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    files = {path.name for path in MANIFESTS} - {"kustomization.yaml", "secret.example.yaml"}
    assert set(listed["resources"]) == files


@pytest.mark.parametrize("database_under_test", ["sqlite"], indirect=True)
async def test_probes_ask_for_what_is_answered(client: httpx.AsyncClient) -> None:
    paths = set()
    for document in documents():
        if document["kind"] == "Deployment":
            for container in document["spec"]["template"]["spec"]["containers"]:
                probes = (container.get(f"{each}Probe") for each in ("startup", "liveness"))
                paths |= {probe["httpGet"]["path"] for probe in probes if probe}
                if ready := container.get("readinessProbe"):
                    paths.add(ready["httpGet"]["path"])
    for path in paths:
        assert (await client.get(path)).status_code == 200, path


def test_compose_mounts_what_there_is_and_prometheus_asks_the_right_ports() -> None:
    services = yaml.safe_load((DEPLOY.parent / "compose.yaml").read_text())["services"]
    for name in ("prometheus", "grafana"):
        assert services[name]["profiles"] == ["monitoring"]
        for mount in services[name]["volumes"]:
            source = mount.split(":")[0]
            assert not source.startswith("./") or (DEPLOY.parent / source).exists()
    port = int(services["worker"]["environment"]["ANSFLOW_WORKER__METRICS_PORT"])
    asked = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    ports = {job["job_name"]: job["dns_sd_configs"][0]["port"] for job in asked["scrape_configs"]}
    assert ports == {"ansflow": 8000, "ansflow-worker": port, "ansflow-scheduler": port}
    for job in asked["scrape_configs"]:
        assert job["dns_sd_configs"][0]["names"][0] in services
