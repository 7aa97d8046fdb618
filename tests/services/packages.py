"""Install the Debian packages that tests need, where we may: as root, with apt.

Nothing here starts a service: Debian's packages do when they are installed, so they are told
not to (policy-rc.d), or their servers would take the standard ports with their own settings.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

LISTED = Path(__file__).resolve().parents[2] / ".ci" / "packages"
POLICY = Path("/usr/sbin/policy-rc.d")
REFUSE_TO_START = "#!/bin/sh\nexit 101\n"
APT_DEADLINE_S = 900.0


def listed_packages() -> Mapping[str, str]:
    """Return package → command from `.ci/packages`."""
    lines = (line.partition("#")[0].split() for line in LISTED.read_text().splitlines())
    return {words[0]: words[1] for words in lines if words}


def missing_packages() -> list[str]:
    """Return the listed packages whose command is not there."""
    return [name for name, command in listed_packages().items() if not shutil.which(command)]


def may_install() -> bool:
    """Whether this is root on a Debian machine."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str]) -> bool:
    """Install packages without starting what they bring; tell whether that worked.

    A failure is reported, not raised: the tests that need them are skipped with the reason.
    """
    sys.stderr.write(f"installing {', '.join(packages)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    commands = (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", *options, *packages],
    )
    with _services_not_started():
        for command in commands:
            ended = _run(command, environment)
            if ended.returncode:
                sys.stderr.write(f"{' '.join(command[:2])} failed:\n{ended.stdout[-2000:]}\n")
                return False
    return True


def _run(command: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own command line
        list(command),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=APT_DEADLINE_S,
    )


@contextlib.contextmanager
def _services_not_started() -> Iterator[None]:
    before = POLICY.read_bytes() if POLICY.exists() else None
    POLICY.write_text(REFUSE_TO_START)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            POLICY.unlink(missing_ok=True)
        else:
            POLICY.write_bytes(before)
