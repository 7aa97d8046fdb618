"""Files that were changed at random are refused or planned; nothing else ever happens."""

import random
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.engine.document import load
from app.engine.machine.fields import InvalidField
from app.engine.plan import InvalidPlan, called_files, plan, preview
from tests.workflows.cases import paths, read

CASES = [read(path) for path in paths()]
SOURCES = {case.name: case.source.rpartition("# ---\n")[0] for case in CASES}
CALLED = {
    uses: definition
    for case in CASES
    for uses, text in case.files.items()
    if (definition := load(text).definition) is not None
}
WORDS = sorted({word for text in SOURCES.values() for word in re.findall(r"\S+", text)})
VALUES = ("null", "true", "-1", "1e999", "[]", "{}", "''", "${{ matrix }}", "${{ needs }}", "0x7f")
CONTEXTS: Mapping[str, Any] = {
    "github": {"event_name": "push", "ref": "refs/heads/main", "event": {"a": [1, {"b": None}]}},
    "inputs": {"word": "x", "where": "staging"},
    "vars": {"ENABLED": "true"},
}


def mutated(source: random.Random) -> str:
    """One of the files with some of its words changed, or lines moved."""
    lines = SOURCES[source.choice(sorted(SOURCES))].split("\n")
    for _ in range(source.randint(1, 2)):
        index = source.randrange(len(lines))
        words = re.split(r"(\s+)", lines[index])
        match source.randrange(4):
            case 0:
                words[source.randrange(len(words))] = source.choice(WORDS)
            case 1:
                words[-1] = source.choice(VALUES)
            case 2:
                lines.insert(source.randrange(len(lines)), lines[index])
                continue
            case _:
                words = [words[0], source.choice(("if: ", "needs: ", "env: ")), *words[1:]]
        lines[index] = "".join(words)
    return "\n".join(lines)


@given(st.randoms(use_true_random=False))
def test_a_changed_file_is_refused_or_planned(source: random.Random) -> None:
    text = mutated(source)
    definition = load(text).definition
    if definition is None:
        return
    try:
        files = called_files(definition, CALLED)
        planned = plan(definition, CONTEXTS, files=files)
        forecasts = preview(definition, CONTEXTS, files=files)
    except (InvalidPlan, InvalidField) as error:
        assert str(error), text  # noqa: PT017  either outcome is right; each has its own check
    else:
        assert [node.key for node in planned.nodes] == [one.node.key for one in forecasts]
        for one in forecasts:
            if one.outlook in {"skipped", "invalid", "depends"}:
                assert one.reason, text


def test_the_files_themselves_are_planned() -> None:
    for case in CASES:
        files = called_files(case.definition, CALLED)
        planned = plan(case.definition, CONTEXTS, files=files)
        assert planned.nodes, case.name
        assert len(preview(case.definition, CONTEXTS, files=files)) == len(planned.nodes)
