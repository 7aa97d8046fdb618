"""`cache`: folders that executions of a project share, restored by key and saved at the end.

GitHub documentation "Dependency caching": an execution restores caches of its own ref, of the
branch that a pull request goes into, and of the default branch; it saves into its own ref only.
Trouble with a cache is told and fails no step.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import zstandard

from app.artifacts.models import CacheEntry
from app.artifacts.service.caches import (
    CacheExists,
    Wanted,
    check_cache_is_new,
    find_cache,
    keep_cache,
)
from app.artifacts.store import ContentTooLarge, ContentWriter, Stored, StoreFailed
from app.core.errors import Conflict, Unavailable
from workers.actions.artifacts_files import storage_of
from workers.actions.base import ActionCall, ActionFailed, Interrupted
from workers.actions.cache_files import names_to_pack, pack, unpack_cache
from workers.executors.base import CannotStart
from workers.runner.run import SUCCEEDED, Attempt, Ended, Post
from workers.runner.storage import JobStorage

MAX_KEY = 512
MAX_RESTORE_KEYS = 10
_TROUBLE = (
    ActionFailed,
    CannotStart,
    Conflict,
    ContentTooLarge,
    OSError,
    StoreFailed,
    Unavailable,
    zstandard.ZstdError,
)


async def cache(call: ActionCall) -> None:
    """Restore the best cache there is, and save one at the end of the job."""
    storage = storage_of(call)
    key, restore_keys = _keys(call)
    lookup_only, must_hit = call.flag("lookup-only"), call.flag("fail-on-cache-miss")
    wanted = Wanted(
        project_id=storage.owner.project_id,
        scopes=scopes_of(call.attempt.run.scope.github),
        key=key,
        version=version_of(call.inputs["path"]),
        restore_keys=restore_keys,
    )
    call.effects.outputs["cache-primary-key"] = key
    found = await _restore(call, storage, wanted, lookup_only=lookup_only)
    if found is None and must_hit:
        raise ActionFailed(f"There is no cache for the key {key!r} (fail-on-cache-miss is set).")
    if found is not None:
        call.effects.outputs["cache-hit"] = "true" if found.key == key else "false"
        call.effects.outputs["cache-matched-key"] = found.key
    if found is None or found.key != key:
        call.attempt.run.posts.append(_post(call, storage, wanted))


async def _restore(
    call: ActionCall, storage: JobStorage, wanted: Wanted, *, lookup_only: bool
) -> CacheEntry | None:
    try:
        found = await call.interruptible(find_cache(storage.database, wanted))
        if found is None:
            await call.log(f"No cache found for the key {wanted.key}")
        elif lookup_only:
            await call.log(f"Cache found with the key {found.key}; it is not restored")
        else:
            await _unpack(call, storage, found)
    except _TROUBLE as error:
        await call.log(f"##[warning]The cache was not restored: {error}")
        return None
    return found


async def _unpack(call: ActionCall, storage: JobStorage, found: CacheEntry) -> None:
    content = await call.interruptible(
        storage.open(found.content_id, size=found.size, sha256=found.sha256)
    )
    with content:
        await unpack_cache(call, content)
    await call.log(f"Cache restored from the key {found.key}: {found.size} bytes")


def _post(call: ActionCall, storage: JobStorage, wanted: Wanted) -> Post:
    async def body(attempt: Attempt) -> Ended:
        later = ActionCall(attempt, call.inputs, call.given, call.env, call.effects)
        try:
            await _save(later, storage, wanted)
        except Interrupted as error:
            return error.ended
        except CacheExists:
            await later.log(f"Another job has saved a cache with the key {wanted.key}")
        except _TROUBLE as error:
            await later.log(f"##[warning]The cache was not saved: {error}")
        return SUCCEEDED

    condition = "always()" if call.flag("save-always") else "success()"
    return Post(f"Save cache {wanted.key}", condition, body)


async def _save(call: ActionCall, storage: JobStorage, wanted: Wanted) -> None:
    await call.interruptible(check_cache_is_new(storage.database, wanted))
    names = await names_to_pack(call)
    if not names:
        await call.log("##[warning]The cache was not saved: its paths do not exist.")
        return
    quota = storage.rules.cache_bytes

    async def write(writer: ContentWriter) -> int:
        await pack(call, names, writer)
        return len(names)

    async def keep(stored: Stored, _: int) -> object:
        return await keep_cache(storage.database, wanted, stored, quota=quota)

    _, stored = await call.interruptible(storage.keep_streamed(write, keep, limit=quota))
    await call.log(f"Cache saved with the key {wanted.key}: {stored.size} bytes")


def _keys(call: ActionCall) -> tuple[str, Sequence[str]]:
    lines = [line.strip() for line in call.inputs.get("restore-keys", "").splitlines()]
    key, restore_keys = call.inputs["key"].strip(), [line for line in lines if line]
    if len(restore_keys) > MAX_RESTORE_KEYS - 1:
        raise ActionFailed(f"Input 'restore-keys' may have at most {MAX_RESTORE_KEYS - 1} keys.")
    for each in (key, *restore_keys):
        if not each or len(each) > MAX_KEY or "," in each:
            raise ActionFailed(
                f"The cache key {each[:100]!r} is not valid: it has 1 to {MAX_KEY} characters and"
                " no commas."
            )
    return key, restore_keys


def version_of(path: str) -> str:
    """Names the paths of a cache: caches of other paths are no caches for this step."""
    lines = [line.strip() for line in path.splitlines() if line.strip()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def scopes_of(github: Mapping[str, Any]) -> tuple[str, ...]:
    """The refs whose caches an execution may restore, its own first."""
    repository = (github.get("event") or {}).get("repository")
    default = repository.get("default_branch") if isinstance(repository, Mapping) else None
    branches = (github.get("base_ref"), default)
    refs = [github.get("ref") or ""]
    refs += [f"refs/heads/{branch}" for branch in branches if branch and isinstance(branch, str)]
    return tuple(dict.fromkeys(refs))
