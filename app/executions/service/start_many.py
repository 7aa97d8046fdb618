"""Start many executions at once, by the clock: a few statements for all of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.core.db import AsyncSession
from app.credentials.repository.values import VariableRepository
from app.engine.machine.types import Decision, Dispatch
from app.engine.states import TERMINAL_EXECUTION
from app.executions.changes import messages_of
from app.executions.errors import PipelineNotFound
from app.executions.history import record_new
from app.executions.repository.starting import StartRepository
from app.executions.service.drafts import CAUSE, Draft, NewRows
from app.executions.service.start import begun, insert_draft, parsed_version
from app.executions.service.triggers import Started, Trigger
from app.jobs.outbox import enqueue_all


@dataclass(frozen=True, slots=True)
class _Begun:
    draft: Draft
    decision: Decision
    now: datetime

    @property
    def is_plain(self) -> bool:
        """Whether nothing follows from its start but messages to workers."""
        ended = self.decision.snapshot.status in TERMINAL_EXECUTION
        commands = self.decision.commands
        return not ended and all(isinstance(command, Dispatch) for command in commands)


async def start_many(
    session: AsyncSession, triggers: Sequence[Trigger], *, server_url: str
) -> Sequence[Started]:
    """As `start_within` for each of these, in order, of the current versions of their pipelines
    and by no repository.

    Eight statements for all of them, and one for each version that this process has not read;
    executions that wait for a concurrency group or an approval, or end at once, add their own.

    Raises: PipelineNotFound, InputsAreInvalid, DefinitionIsInvalid: of any of them; none is
    started then.
    """
    drafts = await _drafts(session, triggers, server_url=server_url)
    plain: list[_Begun] = []
    for draft, now in drafts:
        each = _Begun(draft, begun(draft, now=now), now)
        if draft.execution.concurrency_group is None and each.is_plain:
            plain.append(each)
        else:
            await insert_draft(session, draft, now=now)
    if plain:
        await _insert_all(session, plain)
    return [Started(draft.execution.id, draft.execution.number, is_new=True) for draft, _ in drafts]


async def _drafts(
    session: AsyncSession, triggers: Sequence[Trigger], *, server_url: str
) -> Sequence[tuple[Draft, datetime]]:
    wanted = Counter(trigger.pipeline_id for trigger in triggers)
    counted = dict(await StartRepository(session).count_all(wanted))
    if len(counted) < len(wanted):
        raise PipelineNotFound("there is no such pipeline or version")
    projects = {each.project_id for each in counted.values()}
    variables = await VariableRepository(session).of_projects(projects)
    drafts = []
    for trigger in triggers:
        one = counted[trigger.pipeline_id]
        counted[trigger.pipeline_id] = replace(one, number=one.number + 1)
        parsed = await parsed_version(session, one.version_id)
        merged = {**variables[one.project_id], **trigger.variables}
        whole = replace(trigger, variables=merged)
        drafts.append((Draft.of(whole, one, parsed, server_url=server_url), one.now))
    return drafts


async def _insert_all(session: AsyncSession, started: Sequence[_Begun]) -> None:
    now = started[0].now
    rows = [
        (each, NewRows.of(each.draft.execution, each.decision, holds=True, now=now))
        for each in started
    ]
    jobs = [job for _, new in rows for job in new.jobs]
    await StartRepository(session).insert_all([new.execution for _, new in rows], jobs, now=now)
    events = [(each.draft.execution, new.events) for each, new in rows]
    await record_new(session, events, cause=CAUSE)
    messages = [
        message
        for each, new in rows
        for message in messages_of(each.draft.execution, new.by_key(), each.decision)
    ]
    await enqueue_all(session, messages, now=now)
