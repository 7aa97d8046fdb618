"""Every file of this folder, run as `ansflow run` does."""

import pytest

from tests.workflows.cases import FOLDER, open_site, paths, read
from tests.workflows.checking import Outcome, complaints
from tests.workflows.local import run_all

pytestmark = pytest.mark.xdist_group("workflows")

NAMES = [path.stem for path in paths()]


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome | Exception]:
    """What became of the files that this session asks for."""
    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.fspath == request.path and hasattr(item, "callspec")
    }
    cases = [read(FOLDER / f"{name}.yml") for name in sorted(wanted)]
    with open_site() as site:
        return run_all(cases, tmp_path_factory.mktemp("workflows"), site)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_does_what_it_says(name: str, outcomes: dict[str, Outcome | Exception]) -> None:
    outcome = outcomes[name]
    if isinstance(outcome, Exception):
        raise outcome
    found = complaints(read(FOLDER / f"{name}.yml"), outcome)
    assert not found, "\n".join(found)
