"""What an expression reads, calls, and where it may stand."""

import pytest

from app.engine.expressions import (
    AVAILABLE,
    STATUS_FUNCTIONS,
    ExpressionError,
    availability,
    calls,
    parse,
    references,
)


class TestReferences:
    @pytest.mark.parametrize(
        ("text", "paths"),
        [
            ("1", set()),
            ("github", {("github",)}),
            ("GitHub.Ref", {("github", "Ref")}),
            ("needs.build.outputs.x", {("needs", "build", "outputs", "x")}),
            ("needs['build'].outputs['x']", {("needs", "build", "outputs", "x")}),
            ("matrix.os[0]", {("matrix", "os", "0")}),
            ("needs.*.result", {("needs", None, "result")}),
            ("needs[*].result", {("needs", None, "result")}),
            ("needs[matrix.job].result", {("needs", None, "result"), ("matrix", "job")}),
            ("a.b || !a.c && d < (e.f)", {("a", "b"), ("a", "c"), ("d",), ("e", "f")}),
            ("format('{0}', a.b, join(c.*, d))", {("a", "b"), ("c", None), ("d",)}),
            ("fromJSON(a.b).c[d.e]", {("a", "b"), ("d", "e")}),
            ("(a.b).c", {("a", "b", "c")}),
        ],
    )
    def test_paths(self, text: str, paths: set[tuple[str | None, ...]]) -> None:
        assert references(parse(text)) == paths


class TestCalls:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("1", set()),
            ("a.always", set()),
            ("!Always() || a[toJSON(b)]", {"always", "tojson"}),
            ("1 == 2 == contains('', hashFiles('x'))", {"contains", "hashfiles"}),
        ],
    )
    def test_names(self, text: str, names: set[str]) -> None:
        assert calls(parse(text)) == names


class TestAvailability:
    @pytest.mark.parametrize(
        ("key", "has", "has_not"),
        [
            ("run-name", "github inputs vars", "env secrets needs"),
            ("env", "secrets", "env needs"),
            ("jobs.<job_id>.if", "github needs vars inputs", "matrix env secrets steps"),
            ("jobs.<job_id>.env", "secrets matrix", "env job steps"),
            ("jobs.<job_id>.strategy.matrix", "needs", "matrix strategy"),
            ("jobs.<job_id>.steps.if", "env steps runner", "secrets jobs"),
            ("jobs.<job_id>.steps.run", "env steps secrets", "jobs"),
            ("jobs.<job_id>.environment.url", "steps", "secrets"),
            ("jobs.<job_id>.container.volumes", "matrix", "env secrets"),
            ("on.workflow_call.outputs.<output_id>.value", "jobs", "needs secrets"),
        ],
    )
    def test_contexts(self, key: str, has: str, has_not: str) -> None:
        found = availability(key)
        assert found is not None
        assert found.contexts >= set(has.split())
        assert not found.contexts & set(has_not.split())

    @pytest.mark.parametrize(
        ("key", "functions"),
        [
            ("jobs.<job_id>.if", STATUS_FUNCTIONS),
            ("jobs.<job_id>.steps.if", STATUS_FUNCTIONS | {"hashfiles"}),
            ("jobs.<job_id>.steps.with", {"hashfiles"}),
            ("jobs.<job_id>.env", set()),
        ],
    )
    def test_functions(self, key: str, functions: frozenset[str]) -> None:
        assert AVAILABLE[key].functions == functions

    @pytest.mark.parametrize("key", ["", "name", "on", "jobs.<job_id>", "jobs.<job_id>.needs"])
    def test_nothing_where_no_expression_may_stand(self, key: str) -> None:
        assert availability(key) is None

    def test_goes_with_parse(self) -> None:
        found = AVAILABLE["jobs.<job_id>.if"]
        assert parse("needs.a && always()", names=found.contexts, functions=found.functions)
        with pytest.raises(ExpressionError, match="Unrecognized function: 'hashFiles'"):
            parse("hashFiles('x')", names=found.contexts, functions=found.functions)
        with pytest.raises(ExpressionError, match="Unrecognized named-value: 'matrix'"):
            parse("matrix.x", names=found.contexts, functions=found.functions)
