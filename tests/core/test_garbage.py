"""Long-running processes do not stop to look through what stays."""

import subprocess
import sys
from pathlib import Path

SERVER = """
import gc
from app.cli.serving import application
application()
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


def test_a_server_leaves_what_it_started_with_out_of_collections(tmp_path: Path) -> None:
    ended = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", SERVER], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    left_out, looked_at = map(int, ended.stdout.splitlines()[-1].split())
    assert left_out > 50 * looked_at
