"""Jobs with containers, where the docker command is one that records and runs on this machine."""

import json
import os
import shutil
from pathlib import Path

import pytest

from app.engine.states import JobStatus
from tests.workers.containers.conftest import FakeDocker
from tests.workers.runner.memory import Bench
from workers.runner.settings import RunnerSettings

HEAD = "on: push\njobs:\n  job:\n    runs-on: host\n"
PLAIN = HEAD + "    container: image:1\n    steps:\n"


def source_in(folder: Path) -> Path:
    """A folder to check out, with a composite action that reads a file."""
    source = folder / "source"
    (source / "action").mkdir(parents=True)
    (source / "action" / "action.yml").write_text(
        "name: a\ndescription: b\noutputs: {o: {value: '${{ steps.s.outputs.o }}'}}\n"
        "runs: {using: composite, steps: [{id: s, shell: sh, run: 'echo o=$(cat file.txt) >>"
        " $GITHUB_OUTPUT'}]}\n"
    )
    (source / "file.txt").write_text("content")
    return source


def script_in(folder: Path) -> Path:
    """A folder to check out, with a JavaScript action."""
    source = folder / "source"
    (source / "script").mkdir(parents=True)
    (source / "script" / "action.yml").write_text(
        "name: a\ndescription: b\ninputs: {some-thing: {description: c}}\n"
        "runs: {using: node20, main: main.js}\n"
    )
    (source / "script" / "main.js").write_text(
        "console.log(JSON.stringify([process.env['INPUT_SOME-THING'], process.env.MORE]))\n"
    )
    return source


def exists(path: str) -> bool:
    return Path(path).exists()


class TestContainer:
    async def test_steps_run_inside_and_talk_back(
        self, any_bench: Bench, docker: FakeDocker
    ) -> None:
        result = await any_bench.run(
            HEAD
            + """
    outputs: {all: "${{ steps.a.outputs.name }} ${{ env.B }} ${{ job.container.id != '' }}"}
    env: {FROM_JOB: job}
    container:
      image: ${{ format('image:{0}', 2) }}
      env: {FROM_CONTAINER: "${{ env.FROM_JOB }} too", LINES: "a\\nb"}
      ports: [80]
      options: --cpus 2
    steps:
      - id: a
        env: {FROM_STEP: "1\\n2", "DASH-ED": x}
        run: |
          echo "$FROM_CONTAINER|$LINES|$FROM_STEP|$(grep -c DASH-ED=x /proc/$$/environ)|$CI"
          echo "$(pwd)" "$GITHUB_WORKSPACE" "${{ github.workspace }}"
          echo name=value >> "$GITHUB_OUTPUT"
          echo B=later >> "$GITHUB_ENV"
          echo /more >> "$GITHUB_PATH"
          echo "# Done" >> "$GITHUB_STEP_SUMMARY"
      - run: echo "$B ${PATH%%:*} ${{ job.container.ports['80'] }} ${{ job.container.network }}"
"""
        )
        assert result.status is JobStatus.SUCCESS, result.reason
        assert result.outputs == {"all": "value later true"}
        store = any_bench.store
        *first, second, _ = store.text(0).split("\n")
        assert "\n".join(first) == "job too|a\nb|1\n2|1|true"
        folders = second.split()
        assert len(folders) == 3
        assert len(set(folders)) == 1
        assert store.text(1).startswith("later /more 49000 ansflow-")
        assert store.step(0).summary == "# Done\n"
        assert store.step(2).name == "Initialize containers"
        (run,) = docker.called("run")
        assert {"--cap-drop=MKNOD", "--cpus=2", "--publish=127.0.0.1::80"} <= set(run)
        assert run[-4:] == ["--entrypoint=tail", "image:2", "-f", "/dev/null"]
        assert docker.left == []

    async def test_no_secret_and_no_variable_of_a_step_reaches_the_docker_command(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        await bench.run(
            HEAD
            + """
    container: {image: "image:1", env: {A: "${{ secrets.TOKEN }}"}}
    steps:
      - env: {TOKEN: "${{ secrets.TOKEN }}", LD_PRELOAD: /evil.so, DOCKER_HOST: tcp://evil}
        run: echo "$LD_PRELOAD $DOCKER_HOST"
""",
            secrets={"TOKEN": "geheim-1234"},
        )
        assert bench.store.text(0).endswith("/evil.so tcp://evil\n")
        assert "geheim" not in json.dumps(docker.calls)
        assert not any({"LD_PRELOAD", "DOCKER_HOST"} & set(call["env"]) for call in docker.calls)

    @pytest.mark.parametrize("image", ["''", "${{ vars.NONE }}", "{image: ''}"])
    async def test_an_empty_image_is_no_container(
        self, bench: Bench, docker: FakeDocker, image: str
    ) -> None:
        text = HEAD + f"    container: {image}\n    steps: [{{run: 'echo \"$0\"'}}]\n"
        result = await bench.run(text)
        assert result.status is JobStatus.SUCCESS
        assert docker.calls == []

    async def test_the_shell_is_sh_unless_another_is_named(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        result = await bench.run(
            PLAIN
            + """
      - run: 'tr "\\0" " " < /proc/$$/cmdline'
      - {shell: bash, run: 'tr "\\0" " " < /proc/$$/cmdline'}
      - {shell: "nothing {0}", run: x, continue-on-error: true}
      - run: exit 7
"""
        )
        assert bench.store.text(0).startswith("sh -e /")
        assert bench.store.text(1).startswith("bash --noprofile --norc -eo pipefail /")
        reason = "The shell 'nothing' does not exist in the image image:1."
        assert bench.store.step(2).reason == reason
        assert bench.store.step(3).exit_code == 7
        assert result.status is JobStatus.FAILURE

    async def test_built_in_actions_work_on_the_same_workspace(
        self, bench: Bench, docker: FakeDocker, tmp_path: Path
    ) -> None:
        folder = source_in(tmp_path)
        result = await bench.run(
            PLAIN
            + """
      - uses: checkout
      - id: a
        uses: ./action
      - run: |
          echo "${{ steps.a.outputs.o }} ${{ hashFiles('file.txt') != '' }}"
          echo made > made.txt
          mkdir made; cp -r action made
      - uses: ./made/action
      - run: echo "${{ hashFiles('made.txt') != '' }}"
""",
            workdir=folder,
        )
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.text(2) == "content true\n"
        assert bench.store.text(4) == "true\n"

    @pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
    async def test_javascript_actions_run_inside_with_all_of_their_inputs(
        self, bench: Bench, docker: FakeDocker, tmp_path: Path
    ) -> None:
        result = await bench.run(
            PLAIN
            + """
      - uses: checkout
      - uses: ./script
        env: {MORE: "1\\n2"}
        with: {some-thing: "x\\ny"}
""",
            workdir=script_in(tmp_path),
        )
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.text(1) == '["x\\ny","1\\n2"]\n'
        assert "node" in [argv[-2] for argv in docker.called("exec")]

    async def test_a_time_out_and_a_cancel_end_what_runs_inside(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        task = bench.start(
            PLAIN
            + """
      - {timeout-minutes: 0.02, continue-on-error: true, run: sleep NAP}
      - run: echo ready; sleep NAP
      - if: always()
        run: echo "cleanup ${{ job.status }}"
"""
        )
        await bench.store.until("ready", 1)
        bench.cancel.request("enough")
        result = await task
        assert result.status is JobStatus.CANCELLED
        assert bench.store.statuses()[:3] == ["timed_out", "cancelled", "success"]
        assert bench.store.text(2) == "cleanup cancelled\n"
        assert docker.left == []


class TestServices:
    async def test_are_there_before_the_first_step_and_shown_at_the_end(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        result = await bench.run(
            HEAD
            + """
    services:
      db: {image: "starting:1", ports: [5432], env: {P: x}, volumes: ["data:/data"]}
      other: {image: "plain:1", entrypoint: serve --all, command: "now 'and then'"}
      none: {image: "${{ vars.NONE }}"}
    steps:
      - run: echo "$0 ${{ job.services.db.ports['5432'] }} ${{ toJSON(job.services.*.id) != '' }}"
      - run: exit 1
"""
        )
        assert result.status is JobStatus.FAILURE
        assert bench.store.text(0).endswith("49000 true\n")
        assert bench.store.step(3).name == "Stop containers"
        assert "this is the log of starting:1" in bench.store.text(3)
        first, second = docker.called("run")
        assert {"--network-alias=db", "--publish=127.0.0.1::5432"} <= set(first)
        (volume,) = [word for word in first if word.startswith("--volume=")]
        assert volume.startswith("--volume=ansflow-")
        assert volume.endswith("-data:/data")
        assert second[-5:] == ["--entrypoint=serve", "plain:1", "--all", "now", "and then"]
        assert docker.called("exec") == []
        assert docker.left == []

    @pytest.mark.parametrize(
        ("image", "reason"),
        [
            ("unhealthy:1", "The service 'db' is unhealthy. It said: this is the log of unhealthy"),
            ("exits:1", "The service 'db' ended with exit code 3. It said: this is the log of ex"),
            ("missing:1", "services.db: docker run failed: docker: pull access denied for missing"),
        ],
    )
    async def test_one_that_fails_fails_the_job_with_what_it_said(
        self, bench: Bench, docker: FakeDocker, image: str, reason: str
    ) -> None:
        result = await bench.run(
            HEAD
            + f"    services: {{db: {{image: '{image}'}}}}\n"
            + "    steps: [{run: echo never}, {if: always(), run: echo never}]\n"
        )
        assert result.status is JobStatus.FAILURE
        assert reason in str(result.reason)
        assert bench.store.statuses()[:3] == ["skipped", "skipped", "failure"]
        assert docker.left == []

    async def test_a_cancel_ends_the_waiting(self, bench: Bench, docker: FakeDocker) -> None:
        (docker.folder / "docker").write_text(
            (docker.folder / "docker").read_text().replace("> 2 else", "> 9999 else")
        )
        task = bench.start(
            HEAD + "    services: {db: 'starting:1'}\n    steps: [{if: always(), run: echo x}]\n"
        )
        await bench.store.until("The service db is starting.", 1)
        bench.cancel.request()
        result = await task
        assert result.status is JobStatus.CANCELLED
        assert bench.store.statuses()[:2] == ["skipped", "cancelled"]
        assert docker.left == []


class TestCredentials:
    TEXT = (
        HEAD
        + """
    container:
      image: registry.example/private:1
      credentials: {username: me, password: "${{ secrets.P }}x"}
    steps: [{run: "echo ${{ secrets.P }}x; ls ${{ runner.temp }}/.."}]
"""
    )

    async def test_are_used_for_the_pull_and_gone_before_the_first_step(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        result = await bench.run(self.TEXT, secrets={"P": "geheim"})
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.text(0).startswith("***\n")
        assert "docker_" not in bench.store.text(0)
        (login,) = docker.called("login")
        assert login == ["login", "--username=me", "--password-stdin", "registry.example"]
        (config,) = {call["config"] for call in docker.calls if call["config"]}
        assert not exists(config)
        assert "geheim" not in json.dumps(docker.calls)

    async def test_that_are_refused_fail_the_job(self, bench: Bench, docker: FakeDocker) -> None:
        (docker.state / "refusal").write_text("geheimx")
        result = await bench.run(self.TEXT, secrets={"P": "geheim"})
        assert "the registry registry.example does not take these credentials" in str(result.reason)
        assert docker.called("run") == []
        assert docker.left == []

    async def test_that_are_empty_say_so(self, bench: Bench, docker: FakeDocker) -> None:
        text = self.TEXT.replace("}}x", "}}", 1)
        result = await bench.run(text)
        assert "the password is missing or empty" in str(result.reason)
        assert docker.calls == []


class TestRefusals:
    async def test_without_a_docker_command_the_job_says_what_to_do(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        result = await bench.run(PLAIN + "      - run: echo never\n")
        assert result.status is JobStatus.FAILURE
        assert "this worker has no docker command. Install it" in str(result.reason)
        assert bench.store.statuses() == ["skipped", "failure"]

    async def test_without_an_engine_the_job_says_what_to_do(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        (docker.state / "down").touch()
        result = await bench.run(PLAIN + "      - run: echo never\n")
        assert "this worker reaches no docker engine. Start one" in str(result.reason)
        assert "Is the docker daemon running?" in str(result.reason)

    async def test_the_operator_can_turn_containers_off(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        bench.settings = RunnerSettings(containers="off")
        result = await bench.run(PLAIN + "      - run: echo never\n")
        assert "turned them off (ANSFLOW_WORKER__CONTAINERS=off)" in str(result.reason)
        assert docker.calls == []

    @pytest.mark.parametrize(
        "line",
        [
            "container: {image: a, options: --privileged}",
            "container: {image: a, volumes: ['/:/host']}",
            "container: {image: a, options: '-v /var/run/docker.sock:/s'}",
            "services: {a: {image: a, options: --pid=host}}",
            "services: {a: {image: a, ports: ['0.0.0.0:80:80']}}",
        ],
    )
    async def test_what_reaches_the_host_needs_the_operator(
        self, bench: Bench, docker: FakeDocker, line: str
    ) -> None:
        text = HEAD + f"    {line}\n    steps: [{{run: echo allowed}}]\n"
        result = await bench.run(text)
        assert result.status is JobStatus.FAILURE
        assert "ANSFLOW_WORKER__CONTAINERS=unrestricted" in str(result.reason)
        assert docker.called("run") == []
        assert docker.left == []
        bench.settings = RunnerSettings(containers="unrestricted")
        result = await bench.run(text, first_step_attempt=2)
        assert result.status is JobStatus.SUCCESS, result.reason

    async def test_an_expression_that_gives_no_container_says_so(
        self, bench: Bench, docker: FakeDocker
    ) -> None:
        text = HEAD + "    container: ${{ fromJSON('[1]') }}\n    steps: [{run: echo never}]\n"
        result = await bench.run(text)
        assert result.reason == "container must be a text, not a list."
        assert os.listdir(docker.state / "containers") == []
