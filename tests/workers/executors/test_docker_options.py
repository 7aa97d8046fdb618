"""What a job may ask of the docker engine: tables."""

from pathlib import Path

import pytest

from workers.executors.docker.options import (
    OptionRefused,
    port_arguments,
    read_options,
    volume_arguments,
)

PASSED = {
    "": (),
    "--cpus 2": ("--cpus=2",),
    "--cpus=2 --init": ("--cpus=2", "--init"),
    "--health-cmd 'pg_isready -U me' --health-interval 1s": (
        "--health-cmd=pg_isready -U me",
        "--health-interval=1s",
    ),
    "-u 1001 -e A=b -m2g": ("--user=1001", "--env=A=b", "--memory=2g"),
    "--tmpfs /x:exec": ("--tmpfs=/x:exec",),
    "--label a=b --cap-drop ALL --name=x": ("--label=a=b", "--cap-drop=ALL", "--name=x"),
    "-t -i": ("--tty", "--interactive"),
}


@pytest.mark.parametrize(("text", "words"), PASSED.items())
def test_what_stays_inside_is_passed_on(text: str, words: tuple[str, ...]) -> None:
    assert read_options(text, "container.options", unrestricted=False).options == words


def test_volumes_among_the_options_are_told_apart() -> None:
    words = read_options("-v a:/a --volume=/b --init", "x", unrestricted=False)
    assert (words.options, words.volumes) == (("--init",), ("a:/a", "/b"))


HOST = [
    "--privileged",
    "--privileged=true",
    "--pid=host",
    "--pid host",
    "--ipc=host",
    "--uts=host",
    "--userns=host",
    "--cgroupns=host",
    "--cgroup-parent=/",
    "--cap-add SYS_ADMIN",
    "--device /dev/sda",
    "--device-cgroup-rule='b *:* rwm'",
    "--gpus all",
    "--security-opt seccomp=unconfined",
    "--mount type=bind,source=/,target=/host",
    "--volumes-from other",
    "--env-file /etc/shadow",
    "--label-file /etc/shadow",
    "--cidfile /etc/x",
    "--log-driver syslog",
    "--runtime other",
    "--sysctl a=b",
    "--restart always",
    "--volume-driver x",
    "--init --privileged",
]


@pytest.mark.parametrize("text", HOST)
def test_what_reaches_the_host_is_refused_unless_the_operator_allows_it(text: str) -> None:
    with pytest.raises(OptionRefused) as caught:
        read_options(text, "container.options", unrestricted=False)
    assert "container.options: the option '--" in str(caught.value)
    assert "ANSFLOW_WORKER__CONTAINERS=unrestricted" in str(caught.value)
    assert read_options(text, "container.options", unrestricted=True).options


@pytest.mark.parametrize("unrestricted", [False, True])
@pytest.mark.parametrize("text", ["--network host", "--net=host", "--entrypoint x", "--detach"])
def test_what_github_does_not_support_is_refused_always(text: str, unrestricted: bool) -> None:
    with pytest.raises(OptionRefused, match="not supported, as on GitHub"):
        read_options(text, "container.options", unrestricted=unrestricted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image", "expected an option, found 'image'"),
        ("-", "expected an option"),
        ("--cpus", "'--cpus' needs a value"),
        ("--init=maybe", "takes no value"),
        ("-it", "one by one"),
        ("'open", "cannot be read as words"),
        ("--label ansflow.job=x", "AnsFlow's own"),
        ("-l=ansflow.job=x", "AnsFlow's own"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, words: str) -> None:
    with pytest.raises(OptionRefused, match=words):
        read_options(text, "container.options", unrestricted=False)


WORK = Path("/w/job/work")


def volumes(*given: str, unrestricted: bool = False) -> list[str]:
    return list(
        volume_arguments(
            given, "container.volumes", prefix="j-", folders=[WORK], unrestricted=unrestricted
        )
    )


class TestVolumes:
    def test_named_ones_belong_to_the_job(self) -> None:
        assert volumes("data:/data:ro", "/anonymous") == [
            "--volume=j-data:/data:ro",
            "--volume=/anonymous",
        ]

    def test_the_workspace_may_be_mounted(self) -> None:
        assert volumes(f"{WORK}:/x") == [f"--volume={WORK}:/x"]

    @pytest.mark.parametrize(
        "volume",
        [
            "/:/host",
            "/var/run/docker.sock:/var/run/docker.sock",
            "/w/job/work/../commands:/x",
            # A service could have put a link there.
            "/w/job/work/inner:/x",
            "/w/job:/x",
            "./x:/x",
            "~/x:/x",
        ],
    )
    def test_folders_of_the_host_are_refused_unless_the_operator_allows_it(
        self, volume: str
    ) -> None:
        with pytest.raises(OptionRefused, match="ANSFLOW_WORKER__CONTAINERS=unrestricted"):
            volumes(volume)
        assert volumes(volume, unrestricted=True) == [f"--volume={volume}"]

    @pytest.mark.parametrize("volume", ["x", "a,b:/x", "-a:/x"])
    def test_what_is_no_volume_is_refused(self, volume: str) -> None:
        with pytest.raises(OptionRefused):
            volumes(volume)


PORTS = {
    "80": "127.0.0.1::80",
    "8080:80": "127.0.0.1:8080:80",
    "53/udp": "127.0.0.1::53/udp",
    "8000-8010:8000-8010": "127.0.0.1:8000-8010:8000-8010",
    "127.0.0.1:8080:80": "127.0.0.1:8080:80",
    "[::1]:8080:80": "[::1]:8080:80",
}


class TestPorts:
    @pytest.mark.parametrize(("port", "published"), PORTS.items())
    def test_are_published_on_the_loopback_address(self, port: str, published: str) -> None:
        found = list(port_arguments([port], "x", unrestricted=False))
        assert found == [f"--publish={published}"]

    def test_other_addresses_need_the_operator(self) -> None:
        with pytest.raises(OptionRefused, match="others could reach the address"):
            list(port_arguments(["0.0.0.0:80:80"], "x", unrestricted=False))
        assert list(port_arguments(["0.0.0.0:80:80"], "x", unrestricted=True))

    @pytest.mark.parametrize("port", ["x", "80:", "80/sip", "1:2:3:4", "--privileged"])
    def test_what_is_no_port_is_refused(self, port: str) -> None:
        with pytest.raises(OptionRefused, match="is no port"):
            list(port_arguments([port], "x", unrestricted=True))
