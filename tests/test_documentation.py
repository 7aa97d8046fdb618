"""What documentation, examples and deployment files say is true of the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types
from pydantic import BaseModel

from app.engine.document import load
from app.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FILES_WITH_SETTINGS = [
    *PAGES,
    *(ROOT / name for name in ("Dockerfile", "compose.yaml", ".env.example")),
]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yml"))
# What the compose file itself reads, beside the settings of the application.
OF_COMPOSE = {
    "ANSFLOW_MYSQL_PASSWORD",
    "ANSFLOW_RABBITMQ_PASSWORD",
    "ANSFLOW_PUBLISH",
    "ANSFLOW_PUBLISH_MANAGEMENT",
    "ANSFLOW_PUBLISH_PROMETHEUS",
    "ANSFLOW_PUBLISH_GRAFANA",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def setting_names() -> Iterator[str]:
    for part, field in Settings.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            # A map, such as that of the OpenID providers: its names are whatever one gives them.
            continue
        for name in model.model_fields:
            yield f"ANSFLOW_{part}__{name}".upper()


@pytest.mark.parametrize("path", FILES_WITH_SETTINGS, ids=name_of)
def test_settings_that_are_named_exist(path: Path) -> None:
    # Variables of steps (ANSFLOW_TEST_…, ANSFLOW_…) have no double underscore.
    named = set(re.findall(r"\bANSFLOW_[A-Z]+__[A-Z_]+\b", path.read_text()))
    # Below OIDC come names that people choose for their providers.
    named = {name for name in named if not name.startswith("ANSFLOW_OIDC__")}
    assert named <= set(setting_names())


def test_the_compose_file_gives_every_part_its_settings_and_no_secret_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    for part in ("app", "worker", "scheduler", "migrate"):
        given = set(services[part]["environment"])
        assert {
            "ANSFLOW_DATABASE__URL",
            "ANSFLOW_REDIS__URL",
            "ANSFLOW_RABBITMQ__URL",
            "ANSFLOW_SECURITY__SECRET_KEY",
        } <= given
        assert given <= set(setting_names())
    for name, rest in re.findall(r"\$\{(ANSFLOW_\w+)([^}]*)\}", text):
        is_secret = "PASSWORD" in name or "SECRET" in name
        assert rest.startswith(":?" if is_secret else ":-"), name
        assert name in OF_COMPOSE | set(setting_names())


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_are_valid(path: Path) -> None:
    assert load(path.read_text()).errors == ()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pipelines_that_pages_show_are_valid(path: Path) -> None:
    for text in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL):
        # A page may show a single step.
        pipeline = f"steps:\n{text}" if text.startswith("- ") else text
        assert load(pipeline).errors == ()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_that_pages_link_to_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target
