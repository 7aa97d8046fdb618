"""Servers for a test run.

    python -m tests.services run -- COMMAND   run a command with servers, end everything after it
    python -m tests.services hold             start what is missing and wait for Ctrl-C

Either uses what answers on the standard ports, else starts its own on private ports, and hands
the addresses over in ANSFLOW_TEST_MYSQL_URL, ANSFLOW_TEST_REDIS_URL and
ANSFLOW_TEST_RABBITMQ_URL. `hold` also writes them to .ansflow-test/services.env, to be sourced.
"""

import argparse
import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path

from tests.services.contain import become_subreaper, run_contained
from tests.services.probes import NotAnswering
from tests.services.shared import SERVICES, shared_services

ENV_FILE = Path(".ansflow-test") / "services.env"


def run(command: list[str]) -> int:
    """Run a command with the servers' addresses in its environment; return its exit code."""
    become_subreaper()
    with shared_services(os.environ) as urls:
        return run_contained(command, env={**os.environ, **urls})


def hold() -> int:
    """Keep the servers until a signal; return at once when nothing had to be started."""
    with shared_services(os.environ) as urls:
        ENV_FILE.parent.mkdir(exist_ok=True)
        lines = [f"export {name}={shlex.quote(url)}\n" for name, url in urls.items()]
        ENV_FILE.write_text("".join(lines))
        sys.stdout.write("".join(lines))
        if all(urls.get(service.variable) == service.usual_url for service in SERVICES):
            sys.stdout.write("All of them run already; nothing was started.\n")
            return 0
        sys.stdout.write(f"Use them with: . {ENV_FILE}   Ctrl-C stops what was started here.\n")
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    ENV_FILE.unlink(missing_ok=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.services",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="verb", required=True)
    commands.add_parser("run").add_argument("command", nargs="+")
    commands.add_parser("hold")
    arguments = parser.parse_args()
    try:
        return hold() if arguments.verb == "hold" else run(arguments.command)
    except NotAnswering as reason:
        sys.stderr.write(f"A server named by ANSFLOW_TEST_… does not answer: {reason}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
