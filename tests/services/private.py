"""Private MariaDB, Redis and RabbitMQ servers, for tests that stop, kill or freeze them.

with RabbitMQ() as broker:
    ...             # broker.url
    broker.kill()
    broker.start()  # same port, same data
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.services.instance import Instance, NotInstalled, ServerFailed, find_program, free_port

__all__ = ["Instance", "MariaDB", "NotInstalled", "RabbitMQ", "Redis", "ServerFailed"]


class MariaDB(Instance):
    """MariaDB (or MySQL, where that is installed): root with an empty password."""

    kind = "mariadb"

    @property
    def url(self) -> str:
        return f"mysql+asyncmy://root@127.0.0.1:{self.port}"

    def _command(self) -> Sequence[str]:
        return [
            find_program("mariadbd", "mysqld"),
            "--no-defaults",
            *_run_as_root(),
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self._temporary()}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--character-set-server=utf8mb4",
            "--max-connections=500",
            "--innodb-buffer-pool-size=64M",
            # Survives the death of the server, which tests cause, though not of the machine.
            "--innodb-flush-log-at-trx-commit=2",
            "--skip-log-bin",
            "--performance-schema=OFF",
        ]

    def _prepare(self) -> None:
        data = self.folder / "data"
        if data.exists():
            return
        try:
            installer = [
                find_program("mariadb-install-db"),
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ]
        except NotInstalled:  # MySQL's server makes its own data folder.
            installer = [find_program("mysqld"), "--no-defaults", "--initialize-insecure"]
        folders = [f"--datadir={data}", f"--tmpdir={self._temporary()}"]
        _run_quietly([*installer, *folders, *_run_as_root()])

    def _temporary(self) -> Path:
        # In a shared one, a server that starts removes the temporary tables of the others.
        folder = self.folder / "tmp"
        folder.mkdir(exist_ok=True)
        return folder


class Redis(Instance):
    """Redis that keeps its data over a restart (append-only file)."""

    kind = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def _command(self) -> Sequence[str]:
        return [
            find_program("redis-server", "valkey-server"),
            *("--port", str(self.port)),
            *("--bind", "127.0.0.1"),
            *("--dir", str(self.folder)),
            *("--save", ""),
            *("--appendonly", "yes"),
            *("--appendfsync", "no"),
            *("--daemonize", "no"),
        ]

    def _prepare(self) -> None:
        """Redis makes its files itself."""


class RabbitMQ(Instance):
    """RabbitMQ with its own node name, database, cookie and port mapper: guest/guest.

    Parameters
    ----------
    settings:
        Lines for `rabbitmq.conf`, such as `{"consumer_timeout": "5000"}` (milliseconds).
    """

    kind = "rabbitmq"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._settings = settings or {}
        self._distribution_port = free_port()
        self._mapper_port = free_port()
        self._mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` (`close_all_connections`, `list_queues`, …) and return what it says."""
        return _run_quietly([*_rabbitmq_program("rabbitmqctl"), *arguments], self._environment())

    def close(self) -> None:
        super().close()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()
            self._mapper = None

    def _command(self) -> Sequence[str]:
        return _rabbitmq_program("rabbitmq-server")

    def _environment(self) -> Mapping[str, str]:
        folder = str(self.folder)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": folder,  # The Erlang cookie lies there.
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_NODENAME": f"ansflow-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/generated",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            # Idle schedulers that spin would take the cores from what is tested.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def _prepare(self) -> None:
        settings = {
            "vm_memory_high_watermark.absolute": "512MB",
            "disk_free_limit.absolute": "10MB",
            **self._settings,
        }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        (self.folder / "rabbitmq.conf").write_text("".join(lines))
        (self.folder / "plugins").write_text("[].\n")
        if self._mapper is None:
            # Started here, in the foreground: RabbitMQ would start one that outlives it.
            self._mapper = subprocess.Popen(  # noqa: S603  our own command line
                [find_program("epmd"), "-port", str(self._mapper_port), "-address", "127.0.0.1"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )


def _rabbitmq_program(name: str) -> list[str]:
    # Debian's own wrapper changes the user and the folder; the program behind it does not.
    packaged = Path("/usr/lib/rabbitmq/bin") / name
    return [str(packaged) if packaged.exists() else find_program(name)]


def _run_as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _run_quietly(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    ended = subprocess.run(  # noqa: S603  our own command line
        list(command),
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise ServerFailed(f"{command[0]} failed: {(ended.stderr or ended.stdout)[-2000:]}")
    return ended.stdout
