"""What changed about the tests of an execution: plain values in, plain values out."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from app.artifacts.repository.tests import Outcome

Change = Literal["newly_failing", "fixed"]
CHANGES_OF_FLAKY = 3
"""A test that changed so often in the last executions is flaky."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """By identity: what changed since the last execution that ran the test, and what is flaky."""

    changes: Mapping[bytes, Change]
    flaky: frozenset[bytes]

    def count(self, change: Change) -> int:
        """How many tests changed so."""
        return sum(1 for each in self.changes.values() if each == change)


NOTHING = Comparison({}, frozenset())


def compare(
    outcomes: Sequence[Outcome], executions: Sequence[uuid.UUID], current: Mapping[bytes, bool]
) -> Comparison:
    """Compare an execution with earlier ones.

    Parameters: `executions` begins with the one in question, then the last one before it and so
    on; `current` says of each of its tests that ran whether it passed, in the current attempts.
    A test that fails and was in none of the earlier executions counts as newly failing.
    """
    changes: dict[bytes, Change] = {}
    flaky: set[bytes] = set()
    for identity, runs in _by_test(outcomes).items():
        if identity not in current:
            continue
        passed = current[identity]
        earlier = [_passed(runs.get(execution_id, [])) for execution_id in executions[1:]]
        past = [each for each in earlier if each is not None]
        if earlier and (change := _change(passed, past)):
            changes[identity] = change
        if _is_flaky(runs.get(executions[0], []), [passed, *past]):
            flaky.add(identity)
    return Comparison(changes, frozenset(flaky))


def _by_test(
    outcomes: Sequence[Outcome],
) -> Mapping[bytes, Mapping[uuid.UUID, Sequence[Outcome]]]:
    found: dict[bytes, dict[uuid.UUID, list[Outcome]]] = {}
    for outcome in outcomes:
        runs = found.setdefault(outcome.identity, {})
        runs.setdefault(outcome.execution_id, []).append(outcome)
    return found


def _change(passed: bool, past: Sequence[bool]) -> Change | None:
    if not passed and (not past or past[0]):
        return "newly_failing"
    return "fixed" if passed and past and not past[0] else None


def _passed(outcomes: Sequence[Outcome]) -> bool | None:
    """Whether a test passed in the last attempt that ran it; None: none did."""
    ran = [outcome for outcome in outcomes if outcome.status != "skipped"]
    if not ran:
        return None
    last = max(outcome.attempt for outcome in ran)
    return all(outcome.status == "passed" for outcome in ran if outcome.attempt == last)


def _is_flaky(own: Sequence[Outcome], line: Sequence[bool]) -> bool:
    """It changed within the execution, or too often over several."""
    if any(outcome.flaky for outcome in own):
        return True
    attempts = {outcome.attempt for outcome in own}
    results = {_passed([each for each in own if each.attempt == attempt]) for attempt in attempts}
    if results >= {True, False}:
        return True
    return sum(1 for one, other in pairwise(line) if one != other) >= CHANGES_OF_FLAKY
