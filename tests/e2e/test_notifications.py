"""A failing execution is told of by e-mail and by a webhook, on both modes."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

from tests.e2e.conftest import MODES, start_distributed, start_embedded
from tests.e2e.system import System
from tests.fixtures.answers import body
from tests.fixtures.databases import created
from tests.notifications.servers import SmtpServer, http_server, smtp_server
from tests.polling import until, until_true

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("e2e")]

WORKFLOW = """on: workflow_dispatch
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo 'expected one, got two'
          exit 3
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def smtp() -> AsyncIterator[SmtpServer]:
    async with smtp_server() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=MODES)
async def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, smtp: SmtpServer
) -> AsyncIterator[System]:
    """A running AnsFlow that may call this host, and has an SMTP server."""
    folder = tmp_path_factory.mktemp(f"notifications-{request.param}")
    more = {
        "ANSFLOW_SECURITY__ALLOW_PRIVATE_ADDRESSES": "true",
        "ANSFLOW_SMTP__HOST": "127.0.0.1",
        "ANSFLOW_SMTP__PORT": str(smtp.port),
        "ANSFLOW_SMTP__ENCRYPTION": "none",
    }
    if request.param == "embedded":
        started = await start_embedded(folder, **more)
        yield started
        await asyncio.to_thread(started.stop)
    else:
        server: URL = request.getfixturevalue("mysql_server")
        with created(server) as url:
            started = await start_distributed(folder, url, **more)
            yield started
            await asyncio.to_thread(started.stop)


async def test_a_failure_reaches_people_and_programs(system: System, smtp: SmtpServer) -> None:
    project = f"/projects/{system.project_id}"
    smtp.mails.clear()
    async with http_server() as web, system.client() as client:
        hook = {"name": "hook", "kind": "webhook", "url": web.url, "secret": "key"}
        mail = {"name": "mail", "kind": "email", "recipients": ["team@example.com"]}
        for channel in (hook, mail):
            made = body(await client.post(f"{project}/channels", json=channel), 201)
            rule = {"channel_id": made["id"], "events": ["failed"]}
            body(await client.post(f"{project}/notification-rules", json=rule), 201)
        fields = {"slug": "notified", "source": WORKFLOW}
        pipeline = body(await client.post(f"{project}/pipelines", json=fields), 201)
        path = f"/pipelines/{pipeline['id']}/executions"
        started = body(await client.post(path, json={}), 202)
        await until(lambda: bool(web.requests and smtp.mails), within_s=60)
        document = json.loads(web.requests[0].content)
        assert document["execution"]["id"] == started["id"]
        assert document["step"]["exit_code"] == 3
        assert "expected one, got two" in document["log"]
        text = smtp.mails[0].message.get_content()
        assert "expected one, got two" in text
        assert "exit code 3" in text

        async def sent() -> bool:
            listed = await client.get(f"{project}/notification-deliveries")
            return [each["state"] for each in body(listed)["items"]] == ["sent", "sent"]

        await until_true(sent, within_s=60)
        assert (len(web.requests), len(smtp.mails)) == (1, 1)
