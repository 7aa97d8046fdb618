"""Jobs with containers in a real docker engine; skipped, with the reason, where none answers."""

import asyncio
from pathlib import Path

import pytest

from app.engine.states import JobStatus
from tests.workers.containers.conftest import ask_docker
from tests.workers.containers.registry import PASSWORD, USER, registry
from tests.workers.containers.test_fake import script_in
from tests.workers.runner.memory import Bench

HEAD = "on: push\njobs:\n  job:\n    runs-on: host\n"
SERVER = (
    "perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 8080,"
    " ReuseAddr => 1) or die; while (my $c = $s->accept) { print $c qq(hello\\n); close $c }'"
)
ASK = "bash -c 'read -r answer < /dev/tcp/{}/{}; echo \"$answer\"'"


def container(image: str, steps: str, more: str = "") -> str:
    return f"{HEAD}    container: {{image: '{image}'{more}}}\n    steps:\n{steps}"


def left_of(bench: Bench) -> list[str]:
    """What the engine still has of the network of the last job; its name is in the set-up."""
    words = [word for step in range(8) for word in bench.store.text(step).split()]
    name = next(word for word in words if word.startswith("ansflow-"))
    listings = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
    found = [ask_docker(*listing, "--no-trunc") for listing in listings[:1]]
    found += [ask_docker(*listing) for listing in listings[1:]]
    return [line for text in found for line in text.splitlines() if name in line]


class TestContainer:
    async def test_steps_run_inside_with_the_files_of_the_job(
        self, any_bench: Bench, image: str, tmp_path: Path
    ) -> None:
        (tmp_path / "given.txt").write_text("given")
        result = await any_bench.run(
            container(
                image,
                """
      - uses: checkout
      - run: |
          echo "$PATH $(id -u) $(cat given.txt) $LINES"
          test "$PWD" = "$GITHUB_WORKSPACE" && touch "$RUNNER_TEMP/t" "$HOME/h"
          echo "B=in a container" >> "$GITHUB_ENV"
          echo "made" > made.txt; mkdir -p deep/er; echo x > deep/er/file; chmod 700 deep
      - run: echo "$B ${{ hashFiles('deep/er/file', 'made.txt') != '' }}"
      - run: if mknod device b 8 0; then exit 1; fi
      - run: exit 9
""",
                ", env: {LINES: a b}",
            ),
            workdir=tmp_path,
        )
        store = any_bench.store
        assert result.reason == "Step 'Run exit 9': Process completed with exit code 9."
        assert store.text(1) == "/opt/own:/usr/bin:/bin 0 given a b\n"
        assert store.text(2) == "in a container true\n"
        # No device can be made: it would be one of the host.
        assert store.step(3).status == "success", store.text(3)
        assert left_of(any_bench) == []

    async def test_an_action_without_its_program_says_where_it_is_missing(
        self, bench: Bench, image: str, tmp_path: Path
    ) -> None:
        await bench.run(
            container(image, "      - uses: checkout\n      - uses: ./script\n"),
            workdir=script_in(tmp_path),
        )
        reason = f"needs Node.js, which is not installed in the image {image}."
        assert reason in str(bench.store.step(1).reason)

    async def test_another_account_inside_can_work_too(self, bench: Bench, image: str) -> None:
        result = await bench.run(
            container(
                image,
                """
      - run: id -u; echo a > made; echo "o=1" >> "$GITHUB_OUTPUT"; touch "$HOME/x"
      - run: echo "${{ hashFiles('made') != '' }}"
""",
                ", options: --user 4711",
            )
        )
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.text(0) == "4711\n"
        assert bench.store.text(1) == "true\n"

    async def test_a_time_out_ends_the_group_and_nothing_else(
        self, bench: Bench, image: str
    ) -> None:
        result = await bench.run(
            container(
                image,
                """
      - run: setsid sleep 901 > /dev/null 2>&1 &
      - timeout-minutes: 0.1
        continue-on-error: true
        run: trap 'echo asked' TERM; sleep 902 & sleep 903 & wait; wait
      - run: cat /proc/[0-9]*/cmdline | tr '\\0' ' ' || true
      - run: for each in /proc/[0-9]*; do cat $each/cmdline; echo; done | cat -v
""",
            )
        )
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.step(1).status == "timed_out"
        assert bench.store.text(1) == "asked\n"
        running = bench.store.text(3)
        assert "sleep^@901" in running
        assert "902" not in running
        assert "903" not in running

    async def test_a_cancel_ends_what_runs_and_removes_all(
        self, any_bench: Bench, image: str
    ) -> None:
        task = any_bench.start(
            container(
                image,
                """
      - run: trap '' TERM; (setsid sleep 904 &); touch x; echo ready; sleep 905
      - {if: always(), run: echo cleanup}
""",
            )
        )
        await any_bench.store.until("ready")
        any_bench.cancel.request()
        result = await task
        assert result.status is JobStatus.CANCELLED
        assert any_bench.store.text(1) == "cleanup\n"
        assert left_of(any_bench) == []

    async def test_a_second_cancel_kills_at_once(self, bench: Bench, image: str) -> None:
        task = bench.start(
            container(image, "      - run: trap '' TERM; echo ready; sleep 906; sleep 907\n")
        )
        await bench.store.until("ready")
        bench.cancel.force()
        result = await task
        assert result.status is JobStatus.CANCELLED
        assert left_of(bench) == []

    async def test_an_image_that_is_not_there_fails_the_job(self, bench: Bench, image: str) -> None:
        result = await bench.run(container("localhost:1/nothing:1", "      - run: echo never\n"))
        assert "container: docker run failed: " in str(result.reason)
        assert bench.store.statuses() == ["skipped", "failure"]

    async def test_a_container_that_ends_fails_the_step(self, bench: Bench, image: str) -> None:
        result = await bench.run(
            container(image, "      - run: 'kill -9 -1; sleep 908'\n      - run: echo still\n")
        )
        assert result.status is JobStatus.FAILURE
        assert bench.store.step(0).status == "failure"


class TestServices:
    SERVICE = "services: {web: {image: '%s', command: %s, ports: [8080], options: %s}}"
    HEALTH = "--health-cmd \"bash -c '< /dev/tcp/127.0.0.1/8080'\" --health-interval 1s"

    def text(self, image: str, steps: str, more: str = "") -> str:
        def quoted(text: str) -> str:
            return "'" + text.replace("'", "''") + "'"

        service = self.SERVICE % (image, quoted(SERVER), quoted(self.HEALTH))
        return f"{HEAD}{more}    {service}\n    steps:\n{steps}"

    async def test_are_found_by_their_name_in_a_container(self, bench: Bench, image: str) -> None:
        step = "      - run: |\n          " + ASK.format("web", 8080) + "\n"
        result = await bench.run(self.text(image, step, f"    container: '{image}'\n"))
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.text(0) == "hello\n"
        assert left_of(bench) == []

    async def test_are_found_by_their_port_on_the_host(self, bench: Bench, image: str) -> None:
        port = "${{ job.services.web.ports['8080'] }}"
        step = "      - run: |\n          " + ASK.format("127.0.0.1", port) + "\n"
        result = await bench.run(self.text(image, step))
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.text(0) == "hello\n"
        assert left_of(bench) == []

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ("--health-cmd false --health-interval 1s --health-retries 1", "is unhealthy"),
            ("--init", "ended with exit code 3"),
        ],
    )
    async def test_one_that_fails_fails_the_job(
        self, bench: Bench, image: str, options: str, words: str
    ) -> None:
        ends = "exit 3" if options == "--init" else "sleep 909"
        options = "" if options == "--init" else options
        result = await bench.run(
            HEAD
            + f"    services: {{db: {{image: '{image}', options: '{options}', command: "
            + f"\"sh -c 'echo complaint; {ends}'\"}}}}\n"
            + "    steps: [{run: echo never}]\n"
        )
        assert result.status is JobStatus.FAILURE
        assert f"The service 'db' {words}. It said: complaint" in str(result.reason)
        assert left_of(bench) == []


class TestCredentials:
    def text(self, image: str) -> str:
        return (
            f"{HEAD}    container:\n      image: {image}\n"
            f"      credentials: {{username: {USER}, password: '${{{{ secrets.PASSWORD }}}}'}}\n"
            "    steps: [{run: 'echo inside'}]\n"
        )

    async def test_pull_a_private_image(self, bench: Bench, image: str, tmp_path: Path) -> None:
        ask_docker("save", "--output", str(tmp_path / "image.tar"), image)
        with registry(tmp_path / "image.tar") as private:
            result = await bench.run(self.text(private), secrets={"PASSWORD": PASSWORD})
            assert result.status is JobStatus.SUCCESS, result.reason
            assert bench.store.text(0) == "inside\n"
            assert PASSWORD not in bench.store.text(1)
            # That it is here now is no reason to give it to others.
            refused = Bench(bench.executor)
            result = await refused.run(self.text(private), secrets={"PASSWORD": "wrong"})
            assert "does not take these credentials" in str(result.reason)
            ask_docker("rmi", "--force", private)


async def test_volumes_of_a_job_are_its_own(bench: Bench, image: str) -> None:
    volumes = ", volumes: ['data:/data', '/cache']"
    for attempt in (1, 2):
        result = await bench.run(
            container(image, "      - run: ls /data /cache; touch /data/x\n", volumes),
            first_step_attempt=attempt,
        )
        assert result.status is JobStatus.SUCCESS, result.reason
        assert bench.store.text(0, attempt) == "/cache:\n\n/data:\n"
    assert left_of(bench) == []


async def test_jobs_side_by_side_do_not_meet(bench: Bench, image: str) -> None:
    other = Bench(bench.executor)
    text = container(image, "      - run: echo ready; getent hosts web || echo nobody\n")
    service = f"    services: {{web: {{image: '{image}', command: sleep 910}}}}\n"
    service += "    steps: [{run: echo x}]\n"
    first, second = await asyncio.gather(bench.run(text), other.run(HEAD + service))
    assert (first.status, bench.store.text(0)) == (JobStatus.SUCCESS, "ready\nnobody\n")
    assert second.status is JobStatus.SUCCESS
