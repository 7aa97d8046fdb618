"""A docker command that starts no container: commands run on this machine, as its caller.

It is copied beside a folder `state`, which holds every call and what was made. What an image does
is in its name: `missing`, `exits`, `unhealthy`, `starting` (healthy when asked a third time).
`state/down` makes it answer as without an engine; `state/refusal` is the password that is refused.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATE = Path(__file__).resolve().parent / "state"
CONTAINERS = STATE / "containers"
Command = Callable[[list[str], Path | None], int]


def main(arguments: list[str]) -> int:
    config = None
    if arguments[0] == "--config":
        config, arguments = Path(arguments[1]), arguments[2:]
    note(arguments, config)
    if (STATE / "down").exists():
        return fail("Cannot connect to the Docker daemon. Is the docker daemon running?")
    command, rest = arguments[0], arguments[1:]
    if command in ("network", "volume"):
        return COMMANDS[f"{command} {rest[0]}"](rest[1:], config)
    return COMMANDS[command](rest, config)


def note(arguments: list[str], config: Path | None) -> None:
    call = {"argv": arguments, "config": str(config or ""), "env": sorted(os.environ)}
    with open(STATE / "calls.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(call) + "\n")


def fail(text: str, code: int = 1) -> int:
    sys.stderr.write(f"docker: {text}\n")
    return code


def say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


def version(_: list[str], __: Path | None) -> int:
    return say("99.0")


def login(arguments: list[str], config: Path | None) -> int:
    password = sys.stdin.read()
    refusal = STATE / "refusal"
    if refusal.exists() and refusal.read_text() == password:
        return fail("unauthorized: incorrect username or password")
    assert config is not None
    (config / "config.json").write_text(json.dumps({"argv": arguments, "password": password}))
    return say("Login Succeeded")


def pull(arguments: list[str], config: Path | None) -> int:
    if config is None or not (config / "config.json").exists():
        return fail("pull access denied")
    return say(f"Pulled {arguments[-1]}")


def split(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    """The variables among the options, and what follows the options."""
    variables: dict[str, str] = {}
    while arguments and arguments[0].startswith("-"):
        option, *arguments = arguments
        if option == "--env-file":
            path, *arguments = arguments
            for line in Path(path).read_bytes().decode().split("\n")[:-1]:
                name, _, value = line.partition("=")
                variables[name] = value
        elif option == "--env":
            name, *arguments = arguments
            variables[name] = os.environ[name]
        elif option == "--workdir":
            _, *arguments = arguments
    return variables, arguments


def run(arguments: list[str], _: Path | None) -> int:
    variables, words = split(arguments)
    image = words[0]
    if image.startswith("missing"):
        fail(f"Unable to find image '{image}' locally")
        return fail("pull access denied for missing", 125)
    labels = [word.partition("=")[2] for word in arguments if word.startswith("--label=")]
    identity = os.urandom(32).hex()
    record = {"image": image, "env": variables, "labels": labels, "argv": arguments, "asked": 0}
    write(identity, record)
    return say(identity)


def write(identity: str, record: dict[str, Any]) -> None:
    (CONTAINERS / f"{identity}.json").write_text(json.dumps(record))


def read(identity: str) -> dict[str, Any] | None:
    path = CONTAINERS / f"{identity}.json"
    return json.loads(path.read_text()) if path.exists() else None


def inspect(arguments: list[str], _: Path | None) -> int:
    record = read(arguments[-1])
    if record is None:
        return fail("No such object")
    record["asked"] += 1
    write(arguments[-1], record)
    image = record["image"]
    if image.startswith("exits"):
        return say("exited 3 none")
    if image.startswith("unhealthy"):
        return say("running 0 unhealthy")
    if image.startswith("starting"):
        return say("running 0 healthy" if record["asked"] > 2 else "running 0 starting")
    return say("running 0 none")


def logs(arguments: list[str], _: Path | None) -> int:
    record = read(arguments[-1])
    return say(f"this is the log of {record['image']}") if record else fail("No such container")


def port(arguments: list[str], _: Path | None) -> int:
    record = read(arguments[-1])
    published = [word for word in record["argv"] if word.startswith("--publish=")] if record else []
    for number, word in enumerate(published):
        say(f"{word.rpartition(':')[2]}/tcp -> 127.0.0.1:{49000 + number}")
    return 0


def execute(arguments: list[str], _: Path | None) -> int:
    folder = arguments[arguments.index("--workdir") + 1] if "--workdir" in arguments else "/"
    is_help = "--user=0" in arguments
    variables, (identity, *command) = split(arguments)
    record = read(identity)
    if record is None:
        return fail(f"No such container: {identity}")
    if is_help:
        return kill([identity], None)
    env = {"PATH": os.environ["PATH"], **record["env"], **variables}
    try:
        process = subprocess.Popen(  # noqa: S603  what the test says
            command, cwd=folder, env=env, start_new_session=True
        )
    except OSError as error:
        return fail(f"OCI runtime exec failed: {error}", 126)
    (CONTAINERS / f"{identity}.{process.pid}.pid").touch()
    code = process.wait()
    return code if code >= 0 else 128 - code


def kill(arguments: list[str], _: Path | None) -> int:
    for identity in arguments:
        for path in CONTAINERS.glob(f"{identity}.*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(path.name.split(".")[1]), signal.SIGKILL)
            path.unlink(missing_ok=True)
    return 0


def remove(arguments: list[str], _: Path | None) -> int:
    found = [word for word in arguments if not word.startswith("-")]
    kill(found, None)
    for identity in found:
        (CONTAINERS / f"{identity}.json").unlink(missing_ok=True)
    return 0


def list_containers(arguments: list[str], _: Path | None) -> int:
    wanted = arguments[-1].removeprefix("label=")
    for path in CONTAINERS.glob("*.json"):
        if wanted in json.loads(path.read_text())["labels"]:
            say(path.stem)
    return 0


def create(kind: str) -> Command:
    def made(arguments: list[str], _: Path | None) -> int:
        labels = [word.partition("=")[2] for word in arguments if word.startswith("--label=")]
        (STATE / kind / arguments[-1]).write_text(json.dumps(labels))
        return say(arguments[-1])

    return made


def listed(kind: str) -> Command:
    def names(arguments: list[str], _: Path | None) -> int:
        wanted = arguments[-1].removeprefix("label=")
        for path in (STATE / kind).iterdir():
            if wanted in json.loads(path.read_text()):
                say(path.name)
        return 0

    return names


def removed(kind: str) -> Command:
    def gone(arguments: list[str], _: Path | None) -> int:
        for name in arguments:
            (STATE / kind / name).unlink(missing_ok=True)
        return 0

    return gone


COMMANDS: dict[str, Command] = {
    "version": version,
    "login": login,
    "pull": pull,
    "run": run,
    "inspect": inspect,
    "logs": logs,
    "port": port,
    "exec": execute,
    "kill": kill,
    "rm": remove,
    "ps": list_containers,
    "network create": create("network"),
    "network ls": listed("network"),
    "network rm": removed("network"),
    "volume create": create("volume"),
    "volume ls": listed("volume"),
    "volume rm": removed("volume"),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
