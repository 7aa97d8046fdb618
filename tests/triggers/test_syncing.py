"""From a push to executions: what is read, stored and started."""

from typing import Any

from tests.fixtures.answers import body
from tests.triggers.conftest import Place
from tests.triggers.repositories import WORKFLOW, GitRepository, deliver, push


async def pushed(
    place: Place, repository: Any, payload: dict[str, Any], event: str = "push"
) -> Any:
    """Deliver, do the worker's part; the details of the delivery."""
    answer = body(await deliver(place.anybody, repository, payload, event=event), 202)
    if answer["status"] == "queued":
        await place.sync(answer["delivery_id"])
    path = f"{place.path}/{repository['id']}/deliveries/{answer['delivery_id']}"
    return body(await place.owner.get(path))


async def test_a_push_makes_a_pipeline_and_starts_it(place: Place, git: GitRepository) -> None:
    sha = git.commit({".github/workflows/build.yml": WORKFLOW})
    repository = await place.repository(git.url)
    delivery = await pushed(place, repository, push(sha))
    assert (delivery["status"], delivery["reason"]) == ("done", "started 1 of 1 pipeline files")
    (result,) = delivery["results"]
    (execution,) = await place.executions()
    assert result["execution_id"] == execution["id"]
    assert (execution["event"], execution["ref"], execution["sha"], execution["actor"]) == (
        "push",
        "refs/heads/main",
        sha,
        "ada",
    )
