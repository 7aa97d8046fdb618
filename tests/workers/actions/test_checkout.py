"""`checkout` with real git and real repositories."""

import asyncio
import base64
import contextlib
from pathlib import Path
from typing import Any

import pytest

from app.engine.states import JobStatus
from tests.workers.actions.conftest import Git
from tests.workers.runner.memory import Bench


def file(inputs: str, script: str = "ls; git log --format=%s; git status --short --branch") -> str:
    return f"""
on: push
steps:
  - id: get
    uses: actions/checkout@v4
    with: {inputs}
  - run: {script}
  - run: echo "${{{{ steps.get.outputs.ref }}}} ${{{{ steps.get.outputs.commit }}}}"
"""


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        ("{}", ["one.txt", "two.txt", "two", "## main"]),
        ("{fetch-depth: 0}", ["one.txt", "two.txt", "two", "one", "## main"]),
        ("{ref: topic}", ["one.txt", "topic.txt", "topic", "## topic"]),
        ("{ref: refs/heads/topic}", ["one.txt", "topic.txt", "topic", "## topic"]),
        ("{ref: v1}", ["one.txt", "one", "## HEAD (no branch)"]),
        ("{fetch-depth: 5, fetch-tags: true}", ["one.txt", "two.txt", "two", "one", "## main"]),
    ],
)
async def test_refs_and_depths(
    bench: Bench, repository: Path, inputs: str, shown: list[str]
) -> None:
    result = await bench.run(file(inputs), repository_url=f"file://{repository}")
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    lines = [line.split("...")[0] for line in bench.store.text(1).splitlines()]
    assert lines == shown


async def test_the_commit_of_the_event(bench: Bench, repository: Path, git: Git) -> None:
    sha = git(repository, "rev-parse", "v1")
    contexts = {"github": {"ref": "refs/heads/main", "sha": sha}}
    await bench.run(file("{}"), repository_url=f"file://{repository}", contexts=contexts)
    assert bench.store.text(1).splitlines()[:2] == ["one.txt", "one"]
    assert "## main" in bench.store.text(1)
    assert bench.store.text(2) == f"refs/heads/main {sha}\n"


async def test_a_commit_by_its_name_and_a_local_path(
    bench: Bench, repository: Path, git: Git
) -> None:
    sha = git(repository, "rev-parse", "topic")
    await bench.run(file(f"{{repository: {repository}, ref: {sha}, path: sub/dir}}", "ls sub/dir"))
    assert bench.store.text(1) == "one.txt\ntopic.txt\n"


async def test_submodules(bench: Bench, repository: Path, git: Git, work_root: Path) -> None:
    inner = work_root / "inner"
    git(work_root, "clone", "--quiet", str(repository), str(inner))
    git(repository, "submodule", "--quiet", "add", f"file://{inner}", "lib")
    git(repository, "commit", "--quiet", "-m", "with a library")
    url = f"file://{repository}"
    result = await bench.run(file("{submodules: recursive}", "cat lib/two.txt"), repository_url=url)
    assert result.status is JobStatus.SUCCESS, bench.store.text(0)
    assert bench.store.text(1) == "two\n"


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ("{ref: nowhere}", "neither a branch nor a tag 'nowhere'"),
        ("{ref: refs/heads/nowhere}", "git fetch of refs/heads/nowhere failed"),
        ("{path: ../outside}", "Input 'path' leaves the workspace"),
        ("{repository: 'not a repository'}", "must be a URL, a path or OWNER/NAME"),
        ("{repository: owner/name}", "No server is known for 'owner/name'"),
        ("{repository: /no/such/repository}", "failed"),
        ("{fetch-depth: deep}", "Input 'fetch-depth' must be a number"),
        ("{lfs: maybe}", "must be true or false"),
        ("{submodules: some}", "must be true, false or recursive"),
    ],
)
async def test_what_cannot_be_checked_out_says_why(
    bench: Bench, repository: Path, inputs: str, why: str
) -> None:
    result = await bench.run(file(inputs), repository_url=f"file://{repository}")
    assert result.status is JobStatus.FAILURE
    assert why in (bench.store.step(0).reason or "")


async def test_without_a_repository(bench: Bench) -> None:
    await bench.run(file("{}"))
    assert "belongs to no repository" in (bench.store.step(0).reason or "")


async def test_a_run_of_the_working_directory_takes_it_as_it_stands(
    bench: Bench, repository: Path
) -> None:
    (repository / "uncommitted.txt").write_text("mine\n")
    await bench.run(file("{}", "cat uncommitted.txt; git log --format=%s"), workdir=repository)
    assert bench.store.text(1) == "mine\ntwo\none\n"
    assert "working directory" in bench.store.text(0)


class GitServer:
    """An HTTP server that knows one thing: whether the token came with the request."""

    def __init__(self) -> None:
        self.headers: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.headers.append(request)
            writer.write(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await writer.drain()
        writer.close()


async def test_a_token_reaches_the_server_and_nothing_else(bench: Bench) -> None:
    server = GitServer()
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    seen: list[Any] = []
    async with listening:
        text = file(
            f"{{repository: 'http://127.0.0.1:{port}/a/b.git', token: '${{{{ secrets.T }}}}'}}",
            "cat .git/config; ls -a ..; env; true",
        ).replace("- run: cat", "- if: always()\n    run: cat")
        result = await bench.run(text, secrets={"T": "tok-en-1234"}, keep_workspace=True)
        seen = server.headers
    basic = base64.b64encode(b"x-access-token:tok-en-1234").decode()
    assert any(f"Authorization: Basic {basic}" in request for request in seen)
    assert result.status is JobStatus.FAILURE
    said = bench.store.text(0) + bench.store.text(1)
    assert "tok-en-1234" not in said
    assert basic not in said
    root = next(path for path in bench.executor.spool_folder.parent.iterdir() if "-1-" in path.name)
    left = [path for path in root.rglob("*") if path.is_file()]
    assert left
    assert not [path for path in left if basic.encode() in path.read_bytes()]


FAKE_SSH = r"""#!/bin/sh
while [ "$1" != "git@example.org" ]; do
  [ "$1" = -i ] && { stat -c %a "$2"; cat "$2"; echo "$2"; } >> "$HOME/ssh.log"
  echo "$1" >> "$HOME/ssh.log"
  shift
done
shift
exec sh -c "$*"
"""


async def test_an_ssh_key_is_used_and_gone_afterwards(bench: Bench, repository: Path) -> None:
    text = f"""
on: push
steps:
  - run: |
      mkdir bin; cat > bin/ssh <<'EOF'
{"".join(f"      {line}" for line in FAKE_SSH.splitlines(keepends=True))}
      EOF
      chmod +x bin/ssh; mv bin "$HOME"; echo "$HOME/bin" >> "$GITHUB_PATH"
  - uses: checkout
    with:
      repository: git@example.org:{repository}
      ssh-key: ${{{{ secrets.KEY }}}}
      ssh-known-hosts: example.org ssh-ed25519 AAAA
      path: code
  - run: |
      cat "$HOME/ssh.log" code/two.txt code/.git/config
      for file in $(grep -o '/[^ ]*_[0-9]*$' "$HOME/ssh.log"); do
        if [ -e "$file" ]; then echo "left $file"; fi
      done
"""
    result = await bench.run(text, secrets={"KEY": "-----BEGIN KEY-----\nabcdef\n"})
    seen = bench.store.text(2)
    assert result.status is JobStatus.SUCCESS, bench.store.text(1)
    assert seen.startswith("600\n***\n***\n")
    assert "StrictHostKeyChecking=yes" in seen
    assert "two\n" in seen
    assert "ssh_key" in seen.partition("two\n")[0]
    assert "ssh_key" not in seen.partition("two\n")[2]
    assert "left" not in seen
