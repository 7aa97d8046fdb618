"""How the APIs of the forges are asked for commits, folders and files, and what they answer."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from app.triggers.forges.api import ApiRequest, api_request
from app.triggers.forges.happenings import at, commit, text
from app.triggers.models import Forge, Repository

PAGE = 100
"""How many entries GitLab lists at once."""
_MOST_COMPARED: Mapping[Forge, int] = {Forge.GITHUB: 300, Forge.GITLAB: 100}
"""So many changed files may be all that are told of more."""


class NotUnderstood(ValueError):
    """The forge's answer is none of those that its documentation tells of; the text says which."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. `size` None: the forge does not say."""

    mode: str
    id: str
    size: int | None

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file: no folder, link or other repository."""
        return self.mode.startswith("100")

    @property
    def is_folder(self) -> bool:
        """Whether it has entries of its own."""
        return self.mode.startswith("04")


@dataclass(frozen=True, slots=True)
class Contents:
    """The requests of one repository. `token` None: what everybody may read."""

    repository: Repository
    token: str | None

    @property
    def forge(self) -> Forge:
        """Whose API it is."""
        return self.repository.forge

    @property
    def lists_paths(self) -> bool:
        """Whether folders are listed by path; else each folder by its own id."""
        return self.forge is Forge.GITLAB

    def ref(self, ref: str) -> ApiRequest | None:
        """Which commit a branch or a tag is at; None for refs that the API cannot name."""
        kind, _, name = ref.removeprefix("refs/").partition("/")
        if kind not in ("heads", "tags") or not name:
            return None
        if self.forge is Forge.GITHUB:
            return self._get(f"commits/{kind}/{quote(name)}", accept="application/vnd.github.sha")
        folder = "branches" if kind == "heads" else "tags"
        if self.forge is Forge.GITLAB:
            return self._get(f"repository/{folder}/{quote(name, safe='')}")
        return self._get(f"{folder}/{quote(name)}")

    def commit(self, sha: str) -> ApiRequest:
        """A commit with its text."""
        if self.forge is Forge.GITLAB:
            return self._get(f"repository/commits/{sha}", {"stats": "false"})
        if self.forge is Forge.GITHUB:
            return self._get(f"git/commits/{sha}")
        return self._get(
            f"git/commits/{sha}", {"stat": "false", "verification": "false", "files": "false"}
        )

    def tree(self, tree_id: str) -> ApiRequest:
        """The entries of a folder that is named by its id or its commit."""
        return self._get(f"git/trees/{tree_id}")

    def folder(self, sha: str, path: str, page: int) -> ApiRequest:
        """A page of the entries of a folder that is named by its path."""
        given = {"ref": sha, "path": path, "per_page": str(PAGE), "page": str(page)}
        return self._get("repository/tree", given)

    def blob(self, blob_id: str) -> ApiRequest:
        """The content of a file."""
        if self.forge is Forge.GITLAB:
            return self._get(f"repository/blobs/{blob_id}/raw")
        return self._get(f"git/blobs/{blob_id}")

    def comparison(self, before: str, after: str, *, since_fork: bool) -> ApiRequest | None:
        """What changed between two commits; None when the forge does not tell it well."""
        if self.forge is Forge.GITHUB:
            return self._get(f"compare/{before}...{after}", {"per_page": "1", "page": "1"})
        if self.forge is Forge.GITLAB:
            straight = "false" if since_fork else "true"
            given = {"from": before, "to": after, "straight": straight}
            return self._get("repository/compare", given)
        return None

    def _get(
        self, path: str, query: Mapping[str, str] | None = None, *, accept: str | None = None
    ) -> ApiRequest:
        asked = f"{path}?{urlencode(query)}" if query else path
        return api_request(self.repository, self.token, "GET", asked, accept=accept)


def read_ref(forge: Forge, body: bytes) -> str:
    """The commit that a ref is at. Raises: NotUnderstood."""
    if forge is Forge.GITHUB:
        found = commit(body.decode(errors="replace").strip())
    else:
        known = at(_json(body), "commit")
        found = commit(text(known, "id") or text(known, "sha"))
    if found is None:
        raise NotUnderstood("a ref has no commit")
    return found


def read_commit(forge: Forge, body: bytes, sha: str) -> str:
    """The text of the commit `sha`. Raises: NotUnderstood."""
    answer = _json(body)
    if text(answer, "id" if forge is Forge.GITLAB else "sha") != sha:
        raise NotUnderstood("another commit than the one asked for")
    message = text(answer, "message")
    message = text(answer, "commit", "message") if message is None else message
    if message is None:
        raise NotUnderstood("a commit without a text")
    return message


def read_tree(body: bytes) -> dict[str, Entry]:
    """The entries of a folder by name. Raises: NotUnderstood."""
    answer = _json(body)
    if at(answer, "truncated") is True:
        raise NotUnderstood("a folder that is too long")
    return _entries(at(answer, "tree"), "path", "sha")


def read_folder(body: bytes) -> dict[str, Entry]:
    """The entries of one page of GitLab by name. Raises: NotUnderstood."""
    return _entries(_json(body), "name", "id")


def _entries(found: object, name: str, key: str) -> dict[str, Entry]:
    if not isinstance(found, list):
        raise NotUnderstood("a folder without entries")
    entries: dict[str, Entry] = {}
    for each in found:
        called, mode, id_ = text(each, name), text(each, "mode"), commit(text(each, key))
        size = at(each, "size")
        if called is None or mode is None or id_ is None:
            raise NotUnderstood("an entry of a folder without name, mode or id")
        entries[called] = Entry(mode, id_, size if type(size) is int else None)
    return entries


def read_blob(forge: Forge, body: bytes, blob_id: str) -> bytes:
    """The content of a file, which must have the id that git computes. Raises: NotUnderstood."""
    content = body
    if forge is not Forge.GITLAB:
        answer = _json(body)
        given = text(answer, "content")
        if given is None or text(answer, "encoding") != "base64":
            raise NotUnderstood("a file that is not in base64")
        try:
            content = base64.b64decode(given)
        except ValueError:
            raise NotUnderstood("a file that is not in base64") from None
    named = b"blob %d\0" % len(content) + content
    is_long = len(blob_id) > 40
    digest = hashlib.sha256(named) if is_long else hashlib.sha1(named, usedforsecurity=False)
    if digest.hexdigest() != blob_id:
        raise NotUnderstood("a file that is not as its commit has it")
    return content


def read_comparison(forge: Forge, body: bytes, *, since_fork: bool) -> tuple[str, ...]:
    """The changed files. Raises: NotUnderstood: also when they may not be all."""
    answer = _json(body)
    is_github = forge is Forge.GITHUB
    found = at(answer, "files" if is_github else "diffs")
    if not isinstance(found, list) or len(found) >= _MOST_COMPARED[forge]:
        raise NotUnderstood("a comparison that does not list all files")
    if is_github and not since_fork and text(answer, "status") not in ("ahead", "identical"):
        raise NotUnderstood("a comparison with the last common commit only")
    if at(answer, "compare_timeout") is True:
        raise NotUnderstood("a comparison that took too long")
    names = ("filename", "previous_filename") if is_github else ("old_path", "new_path")
    paths = {path: None for each in found for path in (text(each, name) for name in names) if path}
    return tuple(paths)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("what is not JSON") from None
