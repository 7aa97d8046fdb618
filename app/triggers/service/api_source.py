"""Reads a repository with the API of its forge: commits, folders and files by their ids."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from app.triggers.forges.api import ApiRequest, api_base
from app.triggers.forges.contents import (
    PAGE,
    Contents,
    Entry,
    NotUnderstood,
    read_blob,
    read_commit,
    read_comparison,
    read_folder,
    read_ref,
    read_tree,
)
from app.triggers.models import Repository
from app.triggers.service.calling import Connection, ForgeRefused, ForgeUnreachable, connected
from app.triggers.service.sources import MAX_FILE, MAX_FILES, SourceFailed, TooLarge, is_pipeline

WHOLE_S = 60.0
MAX_REQUESTS = 500
"""How long all requests for one delivery may take, and how many there may be."""

_ATTEMPTS = 3
_LONGEST_PAUSE_S = 5.0
_MAX_ANSWER = 8 << 20
_MAX_PAGES = 10
_NOT_THERE = 404
T = TypeVar("T")


class ApiFailed(SourceFailed):
    """The API does not say it; git may."""


@asynccontextmanager
async def api_opened(
    repository: Repository, token: str | None, *, allow_private: bool
) -> AsyncIterator["ApiSource"]:
    """The repository as its forge's API shows it, for at most `WHOLE_S` seconds.

    Raises: ApiFailed.
    """
    try:
        async with (
            asyncio.timeout(WHOLE_S),
            connected(api_base(repository), allow_private=allow_private) as connection,
        ):
            yield ApiSource(connection, Contents(repository, token))
    except ForgeRefused as error:
        raise ApiFailed(str(error)) from error
    except TimeoutError:
        raise ApiFailed(f"the forge's API took longer than {WHOLE_S:.0f} s") from None


@dataclass(slots=True)
class ApiSource:
    """A repository at a forge. What an id names never changes: each is asked for once."""

    connection: Connection
    contents: Contents
    requests: int = 0
    _messages: dict[str, str] = field(default_factory=dict)
    _folders: dict[tuple[str, str], dict[str, Entry]] = field(default_factory=dict)

    async def fetch(self, ref: str, sha: str | None) -> str:
        """See `Source`."""
        found = sha or await self._at(ref)
        await self.message(found)
        return found

    async def _at(self, ref: str) -> str:
        request = self.contents.ref(ref)
        if request is None:
            raise ApiFailed(f"the forge's API does not say where {ref} is")
        return await self._ask(request, lambda body: read_ref(self.contents.forge, body))

    async def message(self, commit: str) -> str:
        """See `Source`."""
        if commit not in self._messages:
            self._messages[commit] = await self._ask(
                self.contents.commit(commit),
                lambda body: read_commit(self.contents.forge, body, commit),
            )
        return self._messages[commit]

    async def files(self, commit: str, folders: Sequence[str]) -> list[str]:
        """See `Source`."""
        for folder in folders:
            entries = await self._entries(commit, folder)
            if entries:
                paths = [f"{folder}/{name}" for name, each in entries.items() if each.is_file]
                found = [path for path in paths if is_pipeline(path)]
                if len(found) > MAX_FILES:
                    raise ApiFailed(f"{folder} has more than {MAX_FILES} pipeline files")
                return sorted(found)
        return []

    async def read(self, commit: str, path: str) -> bytes | None:
        """See `Source`."""
        folder, _, name = path.rpartition("/")
        entry = (await self._entries(commit, folder)).get(name)
        if entry is None or not entry.is_file:
            return None
        if entry.size is not None and entry.size > MAX_FILE:
            raise TooLarge(path)
        content = await self._ask(
            self.contents.blob(entry.id),
            lambda body: read_blob(self.contents.forge, body, entry.id),
        )
        if len(content) > MAX_FILE:
            raise TooLarge(path)
        return content

    async def changed(self, before: str, after: str, *, since_fork: bool) -> tuple[str, ...]:
        """See `Source`."""
        request = self.contents.comparison(before, after, since_fork=since_fork)
        if request is None:
            raise ApiFailed("the forge's API does not say which files changed")
        return await self._ask(
            request,
            lambda body: read_comparison(self.contents.forge, body, since_fork=since_fork),
        )

    async def _entries(self, commit: str, folder: str) -> dict[str, Entry]:
        """What a folder has, by name; nothing when there is no such folder."""
        if self.contents.lists_paths:
            return await self._listed(commit, folder)
        entries = await self._tree(commit)
        for part in folder.split("/") if folder else ():
            inner = entries.get(part)
            if inner is None or not inner.is_folder:
                return {}
            entries = await self._tree(inner.id)
        return entries

    async def _tree(self, tree_id: str) -> dict[str, Entry]:
        known = self._folders.get((tree_id, ""))
        if known is None:
            known = await self._ask(self.contents.tree(tree_id), read_tree)
            self._folders[tree_id, ""] = known
        return known

    async def _listed(self, commit: str, folder: str) -> dict[str, Entry]:
        if (commit, folder) in self._folders:
            return self._folders[commit, folder]
        entries: dict[str, Entry] = {}
        for page in range(1, _MAX_PAGES + 1):
            request = self.contents.folder(commit, folder, page)
            nothing: dict[str, Entry] = {}
            found = await self._ask(request, read_folder, missing=nothing)
            entries |= found
            if len(found) < PAGE:
                self._folders[commit, folder] = entries
                return entries
        raise ApiFailed(f"the forge lists more than {_MAX_PAGES * PAGE} entries of {folder}")

    async def _ask(
        self, request: ApiRequest, read: Callable[[bytes], T], *, missing: T | None = None
    ) -> T:
        """What `read` makes of the answer; `missing` when the forge has no such thing."""
        try:
            return read(await self._send(request))
        except ForgeRefused as error:
            if missing is not None and error.status == _NOT_THERE:
                return missing
            raise ApiFailed(str(error)) from error
        except ForgeUnreachable as error:
            raise ApiFailed(str(error)) from error
        except NotUnderstood as error:
            raise ApiFailed(f"the forge's API answered {error}") from error

    async def _send(self, request: ApiRequest) -> bytes:
        for attempt in range(1, _ATTEMPTS + 1):
            self.requests += 1
            if self.requests > MAX_REQUESTS:
                raise ApiFailed(f"more than {MAX_REQUESTS} requests to the forge's API")
            try:
                return await self.connection.send(request, max_answer=_MAX_ANSWER)
            except ForgeUnreachable as error:
                pause = 0.2 * 2**attempt if error.after_s is None else error.after_s
                if attempt == _ATTEMPTS or pause > _LONGEST_PAUSE_S:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")
