"""What a job may ask of the engine: `options`, `volumes` and `ports` of its containers.

Whoever may start any container is root on the host. Unless the operator allows everything, only
options that are known to stay inside are passed on: what is not listed here is refused.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FLAGS: Final = frozenset({"init", "interactive", "no-healthcheck", "read-only", "tty"})
_VALUES: Final = frozenset({
    "add-host", "blkio-weight", "cap-drop", "cpu-period", "cpu-quota", "cpu-shares", "cpus",
    "cpuset-cpus", "cpuset-mems", "dns", "dns-option", "dns-search", "domainname", "env", "expose",
    "group-add", "health-cmd", "health-interval", "health-retries", "health-start-interval",
    "health-start-period", "health-timeout", "hostname", "label", "memory", "memory-reservation",
    "memory-swap", "memory-swappiness", "name", "network-alias", "net-alias", "pids-limit",
    "platform", "pull", "shm-size", "stop-signal", "stop-timeout", "tmpfs", "ulimit", "user",
    "volume", "workdir",
})  # fmt: skip
_SHORT: Final = {
    "e": "env", "h": "hostname", "i": "interactive", "l": "label", "m": "memory", "t": "tty",
    "u": "user", "v": "volume", "w": "workdir",
}  # fmt: skip
_NEVER: Final = frozenset({"network", "net"})
_OF_THE_JOB: Final = frozenset({"entrypoint", "detach", "d"})
_LABEL: Final = "ansflow."
_VOLUME_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PORT: Final = re.compile(
    r"(?:(?P<address>\[[0-9a-fA-F:]+\]|\d+\.\d+\.\d+\.\d+|localhost):)?"
    r"(?:(?P<host>\d+(?:-\d+)?)?:)?"
    r"(?P<inside>\d+(?:-\d+)?)(?P<protocol>/(?:tcp|udp|sctp))?"
)
_LOOPBACK: Final = re.compile(r"127\.|\[::1\]|localhost")
ALLOW: Final = (
    "The operator of this worker can allow it with ANSFLOW_WORKER__CONTAINERS=unrestricted."
)


class OptionRefused(Exception):
    """This worker does not pass an option on; the text says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Words:
    """Options for the docker command, and the volumes that were among them."""

    options: tuple[str, ...]
    volumes: tuple[str, ...] = ()


def read_options(text: str, what: str, *, unrestricted: bool) -> Words:
    """The options of a container, as words for `docker run`.

    Parameters: `what` names the key in messages; `unrestricted` passes on what reaches the host.

    Raises:
        OptionRefused: they cannot be read, or an option is not allowed here.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise OptionRefused(f"{what} cannot be read as words: {error}.") from None
    options: list[str] = []
    volumes: list[str] = []
    if unrestricted:
        _refuse_ours(words, what)
        return Words(tuple(words))
    for name, value in _pairs(words, what):
        if name == "volume":
            volumes.append(value or "")
        elif name == "label" and (value or "").startswith(_LABEL):
            raise OptionRefused(f"{what}: labels that begin with '{_LABEL}' are AnsFlow's own.")
        else:
            options.append(f"--{name}" if value is None else f"--{name}={value}")
    return Words(tuple(options), tuple(volumes))


def _refuse_ours(words: Sequence[str], what: str) -> None:
    for word in words:
        name = word.partition("=")[0].lstrip("-")
        if word.startswith("-") and name in _NEVER | _OF_THE_JOB:
            raise _not_supported(what, name)


def _not_supported(what: str, name: str) -> OptionRefused:
    return OptionRefused(f"{what}: the option '--{name}' is not supported, as on GitHub.")


def _pairs(words: Sequence[str], what: str) -> Iterator[tuple[str, str | None]]:
    """Each option by its long name, with its value."""
    left = list(words)
    while left:
        word = left.pop(0)
        name, value = _named(word, what)
        if name in _NEVER | _OF_THE_JOB:
            raise _not_supported(what, name)
        if name in _FLAGS:
            if value not in (None, "true", "false"):
                raise OptionRefused(f"{what}: the option '--{name}' takes no value.")
            yield name, value
            continue
        if name not in _VALUES:
            raise OptionRefused(
                f"{what}: the option '{word.partition('=')[0]}' is refused, because it may give"
                f" access to the host. {ALLOW}"
            )
        if value is None:
            if not left:
                raise OptionRefused(f"{what}: the option '{word}' needs a value.")
            value = left.pop(0)
        yield name, value


def _named(word: str, what: str) -> tuple[str, str | None]:
    if word.startswith("--") and len(word) > 2:
        name, equals, value = word[2:].partition("=")
        return name, value if equals else None
    if len(word) < 2 or not word.startswith("-"):
        raise OptionRefused(f"{what}: expected an option, found {word!r}.")
    name, rest = _SHORT.get(word[1], word[1]), word[2:]
    if name in _FLAGS and rest:
        raise OptionRefused(f"{what}: write the options of '{word}' one by one.")
    return name, rest.removeprefix("=") if rest else None


def volume_arguments(
    volumes: Sequence[str], what: str, *, prefix: str, folders: Sequence[Path], unrestricted: bool
) -> Iterator[str]:
    """`--volume` for each volume; named ones get a name of this job's own.

    Parameters: `prefix` begins the names; `folders` are those of the job that may be mounted.

    Raises:
        OptionRefused: a volume is a folder of the host that is not the job's.
    """
    for volume in volumes:
        source, colon, rest = volume.partition(":")
        if not colon:
            if not source.startswith("/"):
                raise OptionRefused(f"{what}: {volume!r} needs an absolute path in the container.")
            yield f"--volume={source}"
        elif not source.startswith((".", "/", "~")):
            if not _VOLUME_NAME.fullmatch(source):
                raise OptionRefused(f"{what}: {source!r} is no name of a volume.")
            yield f"--volume={prefix}{source}:{rest}"
        elif unrestricted or _is_of_the_job(source, folders):
            yield f"--volume={source}:{rest}"
        else:
            raise OptionRefused(
                f"{what}: the folder '{source}' of the host is refused. {ALLOW}"
                " `${{ github.workspace }}` and named volumes may be mounted."
            )


def _is_of_the_job(source: str, folders: Sequence[Path]) -> bool:
    # Nothing below them: a service that is there already could have put a link in its place.
    return any(source.rstrip("/") == str(folder) for folder in folders)


def port_arguments(ports: Sequence[str], what: str, *, unrestricted: bool) -> Iterator[str]:
    """`--publish` for each port; on the loopback address, unless one is given.

    Raises:
        OptionRefused: it is no port, or an address that others can reach.
    """
    for port in ports:
        found = _PORT.fullmatch(port)
        if found is None:
            raise OptionRefused(
                f"{what}: {port!r} is no port; expected PORT, HOST:PORT or HOST:PORT/udp."
            )
        address = found["address"] or "127.0.0.1"
        if not unrestricted and not _LOOPBACK.match(address):
            raise OptionRefused(f"{what}: others could reach the address {address}. {ALLOW}")
        inside = found["inside"] + (found["protocol"] or "")
        yield f"--publish={address}:{found['host'] or ''}:{inside}"
