"""From a recorded delivery to pipelines and executions: `pipeline.sync`.

The forge or git is asked while no transaction is open. Then each file has a transaction of its own,
which also writes the result: a message that comes twice finds it and starts nothing again.
"""

from dataclasses import dataclass, replace

from app.core.db import AsyncSession, Database
from app.core.logging import logger
from app.core.sealing import MasterKeys
from app.credentials.errors import CredentialUnreadable
from app.jobs.catalog import SyncPipelines
from app.triggers.forges.api import has_api
from app.triggers.forges.happenings import Happening, Ignored, wants_skip
from app.triggers.models import Delivery, DeliveryStatus, Repository
from app.triggers.repository.deliveries import DeliveryRepository
from app.triggers.repository.repositories import RepositoryRepository
from app.triggers.service.api_source import ApiFailed, api_opened
from app.triggers.service.candidates import Verdict, candidates, verdicts
from app.triggers.service.git import GitFailed, Remote, opened
from app.triggers.service.receiving import SKIPPED, call_of, decided
from app.triggers.service.sources import Source
from app.triggers.service.starting import Order, start_file
from app.triggers.service.tokens import login_of

log = logger(__name__)
USUAL_FOLDERS = (".ansflow", ".github/workflows")
_OPEN = frozenset({DeliveryStatus.QUEUED, DeliveryStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sync takes from the settings."""

    server_url: str
    allow_private: bool


@dataclass(frozen=True, slots=True)
class _Work:
    delivery: Delivery
    repository: Repository
    remote: Remote


async def sync(
    database: Database, keys: MasterKeys, message: SyncPipelines, *, around: Surroundings
) -> None:
    """Read the files, store them, start what matches.

    Raises: GitFailed, CredentialUnreadable: the delivery says why, and the message may be repeated.
    """
    try:
        work = await _work(database, keys, message, around)
        if work is None:
            return
        call = call_of(work.repository, work.delivery)
        happening = decided(work.repository, call.happening(call.payload()))
        if isinstance(happening, Ignored):
            await _finish(database, message, DeliveryStatus.IGNORED, happening.reason)
            return
        found, known = await _read(work, happening)
    except (GitFailed, CredentialUnreadable) as error:
        await _finish(database, message, DeliveryStatus.FAILED, str(error))
        raise
    if isinstance(found, Ignored):
        await _finish(database, message, DeliveryStatus.IGNORED, found.reason)
        return
    started = 0
    for verdict in found:
        order = Order(work.repository, work.delivery, message.attempt, known, verdict)
        started += await start_file(database, order, server_url=around.server_url)
    reason = f"started {started} of {len(found)} pipeline files"
    await _finish(database, message, DeliveryStatus.DONE, reason, sha=known.sha)


async def _work(
    database: Database, keys: MasterKeys, message: SyncPipelines, around: Surroundings
) -> _Work | None:
    async with database.read() as session:
        delivery = await DeliveryRepository(session).get(message.delivery_id)
        if delivery is None or delivery.runs != message.attempt or delivery.status not in _OPEN:
            return None
        repository = await RepositoryRepository(session).get(delivery.repository_id)
        if repository is None:
            return None
        login = await login_of(session, keys, repository)
    remote = Remote(repository.clone_url, allow_private=around.allow_private)
    if login is not None:
        remote = replace(remote, token=login.token, user=login.user)
    return _Work(delivery, repository, remote)


_Found = tuple[list[Verdict] | Ignored, Happening]
"""What the files say, and the event with the commit that it is about."""


async def _read(work: _Work, happening: Happening) -> _Found:
    """Ask the forge's API, then git for what that does not say.

    Raises: GitFailed.
    """
    problem = None
    if _has_usable_api(work):
        try:
            async with api_opened(
                work.repository, work.remote.token, allow_private=work.remote.allow_private
            ) as api:
                return await _read_from(api, work, happening)
        except ApiFailed as error:
            problem = str(error)
            log.info("api_not_used", delivery_id=str(work.delivery.id), why=problem)
    try:
        async with opened(work.remote) as git:
            return await _read_from(git, work, happening)
    except GitFailed as error:
        if problem is None:
            raise
        raise GitFailed(f"{error} (before that, its API: {problem})") from error


def _has_usable_api(work: _Work) -> bool:
    repository = work.repository
    is_known = work.remote.token is not None or repository.api_url is not None
    return has_api(repository.forge) and is_known


async def _read_from(source: Source, work: _Work, happening: Happening) -> _Found:
    folder = work.repository.folder
    folders = USUAL_FOLDERS if folder is None else (folder,)
    sha = await source.fetch(happening.ref, happening.sha)
    known = replace(happening, sha=sha)
    if happening.name in ("push", "pull_request") and wants_skip(await source.message(sha)):
        return Ignored(SKIPPED), known
    found = await candidates(source, await _files_commit(source, known), folders)
    return await verdicts(source, known, found, sha=sha), known


async def _files_commit(source: Source, happening: Happening) -> str:
    """The commit whose files count: of a fork's pull request, that of the base."""
    assert happening.sha is not None, "it was fetched"
    if not happening.is_fork:
        return happening.sha
    assert happening.base_ref is not None, "pull requests have one"
    return await source.fetch(happening.base_ref, happening.base_sha)


async def _finish(
    database: Database,
    message: SyncPipelines,
    status: DeliveryStatus,
    reason: str,
    *,
    sha: str | None = None,
) -> None:
    async def write(session: AsyncSession) -> None:
        deliveries = DeliveryRepository(session)
        await deliveries.finish(
            message.delivery_id, run=message.attempt, status=status, reason=reason[:2000], sha=sha
        )

    await database.transact(write)
