"""A server over HTTP: `ANSFLOW_URL` and `ANSFLOW_TOKEN`, or `--url` and `--token`."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final

import httpx
import typer

from app.cli.errors import CommandFailed

DEFAULT_URL: Final = "http://127.0.0.1:8000"
Url = Annotated[
    str, typer.Option(envvar="ANSFLOW_URL", help="Address of the server", show_default=True)
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="ANSFLOW_TOKEN", help="API token; better in the environment", show_envvar=True
    ),
]


class Server:
    """Requests to one server; every refusal becomes a sentence."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client, self._url = client, url

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of an answer.

        Raises: CommandFailed.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._send("GET", path, params=given)

    def post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Any:
        """Send JSON; the JSON of the answer, None when there is none.

        Raises: CommandFailed.
        """
        return self._send("POST", path, json=body, headers=headers)

    @contextmanager
    def stream(self, path: str, **headers: str) -> Iterator[httpx.Response]:
        """An answer that is read while it comes.

        Raises: CommandFailed when it is refused.
        """
        try:
            with self._client.stream(
                "GET", path, headers=headers, timeout=httpx.Timeout(10, read=60)
            ) as response:
                if response.is_error:
                    response.read()
                    raise self._refusal(response)
                yield response
        except httpx.ConnectError as error:
            raise self._unreachable(error) from None

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.is_error:
            raise self._refusal(response)
        return response.json() if response.content else None

    def _unreachable(self, error: Exception) -> CommandFailed:
        return CommandFailed(
            f"{self._url} cannot be reached ({error}); is the server running, and is ANSFLOW_URL "
            "(or --url) its address?"
        )

    def _refusal(self, response: httpx.Response) -> CommandFailed:
        try:
            problem = response.json()
            detail, code = str(problem["detail"]), str(problem["code"])
        except (ValueError, KeyError, TypeError):
            return CommandFailed(
                f"{self._url} answered {response.status_code}, and not as AnsFlow does; is "
                "ANSFLOW_URL (or --url) its address?"
            )
        if response.status_code == httpx.codes.UNAUTHORIZED:
            return CommandFailed(f"{detail}: set ANSFLOW_TOKEN to an API token of the server")
        messages = [str(each["message"]) for each in problem.get("errors", ()) if "message" in each]
        more = "".join(f"\n  {message}" for message in messages if message not in detail)
        return CommandFailed(f"{detail} [{code}]{more}")


@contextmanager
def open_server(url: str, token: str | None) -> Iterator[Server]:
    """A server to talk to.

    Raises: CommandFailed when the address is none.
    """
    if not url.startswith(("http://", "https://")):
        raise CommandFailed(f"{url!r} is no address of a server; one is {DEFAULT_URL}")
    headers = {"User-Agent": "ansflow-cli"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    base = f"{url.rstrip('/')}/api/v1"
    with httpx.Client(base_url=base, headers=headers, timeout=30) as client:
        yield Server(client, url)


def pages(server: Server, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """All entries of a list."""
    after = None
    while True:
        page = server.get(path, after=after, limit=100, **parameters)
        yield from page["items"]
        after = page["next"]
        if after is None:
            return


def tell_if_nothing(found: Sequence[object], token: str | None) -> None:
    """Say on standard error why a list may be empty: nobody is logged in."""
    if not found and not token:
        typer.echo(
            "ansflow: without ANSFLOW_TOKEN (or --token) only public projects are listed", err=True
        )


def pipeline_id(server: Server, reference: str) -> str:
    """The id of a pipeline that is named by its id, `project/slug` or an unambiguous slug.

    Raises: CommandFailed.
    """
    if _is_id(reference):
        return reference
    project, slash, slug = reference.rpartition("/")
    path = f"/projects/{project}/pipelines" if slash else "/pipelines"
    found = [each for each in pages(server, path) if each["slug"] == slug]
    if len(found) == 1:
        return str(found[0]["id"])
    if found:
        raise CommandFailed(
            f"{len(found)} projects have a pipeline {slug!r}; name it <project>/{slug}"
        )
    raise CommandFailed(f"there is no pipeline {reference!r}; `ansflow pipelines` lists them")


def execution_id(reference: str) -> str:
    """The id of an execution.

    Raises: CommandFailed when it is none.
    """
    if not _is_id(reference):
        raise CommandFailed(
            f"{reference!r} is no id of an execution; `ansflow executions` lists them"
        )
    return reference


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
