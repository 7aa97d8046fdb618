"""Repositories and what forges sent, with the commands; the first hour of the documentation."""

import json
import re
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.cli.test_client import Server, read_until, until, up
from tests.triggers.repositories import GitRepository, push, signed_headers

pytestmark = pytest.mark.xdist_group("cli-server")

FILE = "on: push\nsteps:\n  - run: echo built\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("up")
    process = up(folder, "--no-examples", ANSFLOW_SECURITY__ALLOW_PRIVATE_ADDRESSES="true")
    said = read_until(process, "ansflow_")
    url, token = re.search(r"http://127\.0\.0\.1:\d+", said), re.search(r"ansflow_\S+", said)
    assert url
    assert token
    yield Server(process, url[0], token[0], folder, said)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    return GitRepository(tmp_path_factory.mktemp("git") / "demo")


@pytest.fixture(scope="module")
def repository(server: Server, git: GitRepository) -> Any:
    """A repository with a slash in its name, as those of forges have."""
    with server.client() as client:
        project = {"slug": "demo", "name": "Demo"}
        assert client.post("/projects", json=project).status_code == 201
        fields = {"name": "ansflow/demo", "forge": "generic", "clone_url": git.url}
        answer = client.post("/projects/demo/repositories", json=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()


class TestStory:
    def test_a_push_is_listed_shown_and_worked_on_again(
        self, server: Server, git: GitRepository, repository: Any
    ) -> None:
        sha = git.commit({".ansflow/build.yml": FILE})
        content = json.dumps(push(sha)).encode()
        headers = signed_headers("generic", content, repository["webhook_secret"])
        answer = httpx.post(repository["webhook_url"], content=content, headers=headers)
        assert answer.status_code == 202, answer.text
        id_ = answer.json()["delivery_id"]

        listed = server("repositories", "demo")
        assert re.search(r"ansflow/demo +generic +manual +file://", listed.stdout)
        until(lambda: " done " in server("deliveries", "list", "demo/ansflow/demo").stdout)
        assert id_ in server("deliveries", "list", f"demo/{repository['id']}").stdout
        shown = server("deliveries", "show", "demo/ansflow/demo", id_).stdout
        assert shown.startswith("push of refs/heads/main: done, started 1 of 1 pipeline files\n")
        assert sha in shown
        assert ".ansflow/build.yml" in shown

        again = server("deliveries", "redeliver", "demo/ansflow/demo", id_)
        assert (again.exit_code, again.stdout) == (0, "push of refs/heads/main: queued (run 2)\n")
        path = ("deliveries", "show", "demo/ansflow/demo", id_, "--json")
        until(lambda: len(json.loads(server(*path).stdout)["results"]) == 2)
        runs = [each["run"] for each in json.loads(server(*path).stdout)["results"]]
        assert runs == [1, 2]

    @pytest.mark.usefixtures("repository")
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("repositories", "none"), "project_not_found"),
            (("deliveries", "list", "demo"), "<project>/<name of the repository>"),
            (("deliveries", "list", "demo/none"), "`ansflow repositories demo` lists them"),
            (("deliveries", "list", "demo/ansflow/demo", "x"), "takes no id"),
            (("deliveries", "show", "demo/ansflow/demo"), "which delivery?"),
            (("deliveries", "show", "demo/ansflow/demo", "x"), "'x' is no id of a delivery"),
            (
                ("deliveries", "redeliver", "demo/ansflow/demo", "0" * 32),
                "delivery_not_found",
            ),
        ],
    )
    def test_a_refusal_is_one_sentence(
        self, server: Server, arguments: tuple[str, ...], words: str
    ) -> None:
        done = server(*arguments)
        assert done.exit_code in {1, 2}
        assert words in done.stderr
        assert done.stderr.startswith("ansflow: ")
