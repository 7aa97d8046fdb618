"""The first start with a database server makes an administrator, once. (Embedded: test_client.)"""

import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL

from app.core.migrate import upgrade
from tests.cli.conftest import ANSFLOW, clean_environment
from tests.fixtures.databases import created, run_async

pytestmark = pytest.mark.xdist_group("cli-server")


@pytest.fixture
def variables(mysql_server: URL, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The distributed mode on an empty database."""
    prefix = f"ansflow-test-{secrets.token_hex(6)}"
    broker = os.environ.get("ANSFLOW_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1/")
    with created(mysql_server) as url:
        run_async(upgrade(url))
        yield clean_environment() | {
            "ANSFLOW_DATABASE__URL": url,
            "ANSFLOW_REDIS__URL": os.environ.get("ANSFLOW_TEST_REDIS_URL", "redis://127.0.0.1"),
            "ANSFLOW_REDIS__PREFIX": prefix,
            "ANSFLOW_RABBITMQ__URL": broker,
            "ANSFLOW_RABBITMQ__PREFIX": f"{prefix}.",
            "ANSFLOW_SECURITY__SECRET_KEY": secrets.token_hex(32),
            "ANSFLOW_DATA__FOLDER": str(tmp_path / "data"),
        }


def serve(variables: dict[str, str], folder: Path) -> tuple[str, httpx.Response | None]:
    """Start a server until it answers, and log in as it says; returns what it said."""
    process = subprocess.Popen(  # noqa: S603  our own command
        [ANSFLOW, "serve", "--port", "0"],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said, answer = "", None
    for line in process.stdout:
        said += line
        url = re.search(r"http://127\.0\.0\.1:\d+", line)
        if url is not None:
            break
    password = re.search(r"password  (\S+)", said)
    if url is not None and password is not None:
        given = {"name": "admin", "password": password[1]}
        answer = httpx.post(f"{url[0]}/api/v1/auth/login", json=given, timeout=60)
    process.send_signal(signal.SIGTERM)
    said += process.stdout.read()
    process.wait(60)
    process.stdout.close()
    assert "Finished server process" in said
    return said, answer


def test_the_first_start_tells_the_login_and_a_later_one_does_not(
    variables: dict[str, str], tmp_path: Path
) -> None:
    said, answer = serve(variables, tmp_path)
    assert answer is not None, said
    assert answer.status_code == 200, answer.text
    assert answer.json()["is_administrator"]
    said, answer = serve(variables, tmp_path)
    assert answer is None
    assert "password" not in said
