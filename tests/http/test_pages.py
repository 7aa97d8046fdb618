"""Every list of the API is in keyset pages, but for those whose length people do not decide."""

from tests.http.lists import arrays, is_paged, lists

WHOLE = {
    "/api/v1/settings/api-endpoints/": "the routes of this version",
    "/api/v1/auth/oidc": "providers of the configuration",
    "/api/v1/periodic-work": "the catalogue in the code",
    "/api/v1/queues": "priorities, and sets of labels that workers and jobs have",
    "/api/v1/queues/{queue}/dead-letters": "the broker has no keys: at most `limit` are shown",
    "/api/v1/settings": "the registry in the code",
}
"""Lists without pages, each with what bounds it."""
ARRAYS = {
    "/api/v1/executions/{execution_id}/events": "a part: `after` is the number of the last one",
    "/api/v1/executions/{execution_id}/approvals": "the jobs of one execution and their attempts",
}
"""Answers that are an array and nothing else, each with what bounds it."""


def test_every_list_is_in_pages_of_at_most_100() -> None:
    unpaged = set()
    for path, operation, schema in lists():
        if is_paged(operation):
            parameters = {each["name"]: each["schema"] for each in operation["parameters"]}
            assert "next" in schema["properties"], path
            assert parameters["limit"]["maximum"] <= 100, path
        else:
            unpaged.add(path)
    assert unpaged == WHOLE.keys()


def test_what_is_an_array_is_bounded() -> None:
    assert arrays() == ARRAYS.keys()


def test_there_are_lists() -> None:
    assert len(list(lists())) > 30
