"""What is built from the tree works without the tree."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The working copy is on the path of this environment; an installed AnsFlow has none.
WITHOUT_THE_TREE = """
import sys
root, wheel, *sys.argv[1:] = sys.argv[1:]
sys.path[:] = [wheel, *(path for path in sys.path if path not in ("", root))]
from app.cli import main
main()
"""


def run(*command: str, cwd: Path) -> str:
    """Run a program without settings of this machine; return what it said."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("ANSFLOW_")}
    ended = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, *command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_wheel_migrates_a_database_and_runs_a_pipeline(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    run("-m", "pip", "wheel", "-q", *options, "-w", str(wheels), str(ROOT), cwd=tmp_path)
    (wheel,) = wheels.glob("ansflow-*.whl")
    # A wheel is an importable archive in name only: migrations are read as files.
    installed = tmp_path / "installed"
    run("-m", "zipfile", "-e", str(wheel), str(installed), cwd=tmp_path)

    def ansflow(*arguments: str) -> str:
        program = ["-c", WITHOUT_THE_TREE, str(ROOT), str(installed), *arguments]
        return run(*program, cwd=tmp_path)

    assert "is at" in ansflow("migrate")
    (tmp_path / "hello.yml").write_text("steps:\n  - run: echo from a wheel\n")
    assert "from a wheel" in ansflow("run", "hello.yml")
