"""A git repository behind the APIs of the forges, as their documentation describes them."""

import base64
import json
import subprocess
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.triggers.forge import Answer, Call
from tests.triggers.repositories import GitRepository


@dataclass
class ContentsApi:
    """`kind` is the forge. `needs` is the token without which there is no such repository.
    `spoil` changes the JSON of answers whose path has its key."""

    kind: str
    git: GitRepository
    name: str = "group/demo"
    needs: str | None = None
    spoil: dict[str, Any] = field(default_factory=dict)

    @property
    def clone_url(self) -> str:
        """A place that is nowhere: who reads it asked the API."""
        return f"http://127.0.0.1:1/{self.name}.git"

    def answer(self, call: Call) -> Answer | None:
        url = urlsplit(call.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        base = f"/repos/{self.name}/"
        if self.kind == "gitlab":
            base = f"/projects/{quote(self.name, safe='')}/"
        if call.method != "GET" or not url.path.startswith(base):
            return None
        path = url.path.removeprefix(base).partition("?")[0]
        if path == "hooks":
            return None
        if self.needs is not None and self.needs not in (
            call.headers.get("private-token") or call.headers.get("authorization", "")
        ):
            return Answer(404, b'{"message": "Not Found"}')
        try:
            found = self._gitlab(path, query) if self.kind == "gitlab" else self._rest(path, call)
        except subprocess.CalledProcessError:
            found = None
        if found is None:
            return Answer(404, b'{"message": "Not Found"}')
        if isinstance(found, bytes):
            return Answer(content=found)
        spoiled = [value for part, value in self.spoil.items() if part in path]
        return Answer(content=json.dumps(spoiled[0] if spoiled else found).encode())

    def _rest(self, path: str, call: Call) -> Any:
        """GitHub's and Gitea's."""
        head, _, rest = path.partition("/")
        if head == "git":
            return self._object(*rest.split("/"))
        if self.kind == "github":
            return self._of_github(head, rest, call)
        match head:
            case "branches":
                return {"commit": {"id": self._sha(f"heads/{unquote(rest)}")}}
            case "tags":
                return {"commit": {"sha": self._sha(f"tags/{unquote(rest)}")}}
        return None

    def _of_github(self, head: str, rest: str, call: Call) -> Any:
        match head:
            case "commits":
                assert call.headers["accept"] == "application/vnd.github.sha"
                return self._sha(unquote(rest)).encode()
            case "compare":
                return self._compared(*rest.partition("...")[::2])
        return None

    def _object(self, kind: str, sha: str) -> Any:
        match kind:
            case "commits":
                message = self.git.git("log", "-1", "--format=%B", sha)
                told = {"message": message}
                return {"sha": self._sha(sha)} | (
                    told if self.kind == "github" else {"commit": told}
                )
            case "trees":
                return {"sha": sha, "truncated": False, "tree": self._tree(sha, "path", "sha")}
            case "blobs":
                content = self._blob(sha)
                coded = base64.encodebytes(content).decode()
                return {"sha": sha, "encoding": "base64", "content": coded, "size": len(content)}
        return None

    def _gitlab(self, path: str, query: dict[str, str]) -> Any:
        match path.split("/"):
            case ["repository", "commits", sha]:
                message = self.git.git("log", "-1", "--format=%B", sha)
                return {"id": self._sha(sha), "message": message}
            case ["repository", "branches", name]:
                return {"commit": {"id": self._sha(f"heads/{unquote(name)}")}}
            case ["repository", "tags", name]:
                return {"commit": {"id": self._sha(f"tags/{unquote(name)}")}}
            case ["repository", "tree"]:
                where = f"{query['ref']}:{query['path']}"
                first = (int(query["page"]) - 1) * int(query["per_page"])
                return self._tree(where, "name", "id")[first : first + int(query["per_page"])]
            case ["repository", "blobs", sha, "raw"]:
                return self._blob(sha)
            case ["repository", "compare"]:
                dots = ".." if query["straight"] == "true" else "..."
                names = self._names(query["from"], query["to"], dots)
                diffs = [{"old_path": name, "new_path": name} for name in names]
                return {"diffs": diffs, "compare_timeout": False}
        return None

    def _sha(self, name: str) -> str:
        found = name if "/" not in name else f"refs/{name}"
        return self.git.git("rev-parse", "--verify", f"{found}^{{commit}}")

    def _tree(self, tree: str, name: str, key: str) -> list[Any]:
        found = []
        for line in filter(None, self.git.git("ls-tree", "-l", "-z", tree).split("\0")):
            head, _, called = line.partition("\t")
            mode, kind, sha, size = head.split()
            entry: dict[str, Any] = {name: called, "mode": mode, "type": kind, key: sha}
            if size != "-" and self.kind != "gitlab":
                entry["size"] = int(size)
            found.append(entry)
        return found

    def _blob(self, sha: str) -> bytes:
        done = subprocess.run(  # noqa: S603  our own command
            ["git", "cat-file", "blob", sha],  # noqa: S607  git as users have it
            cwd=self.git.folder,
            check=True,
            capture_output=True,
        )
        return done.stdout

    def _compared(self, before: str, after: str) -> Any:
        common = self.git.git("merge-base", before, after)
        status = "ahead" if common == self._sha(before) else "diverged"
        files = [{"filename": name} for name in self._names(before, after, "...")]
        return {"status": status, "files": files}

    def _names(self, before: str, after: str, dots: str) -> list[str]:
        return self.git.git("diff", "--name-only", f"{before}{dots}{after}").splitlines()
