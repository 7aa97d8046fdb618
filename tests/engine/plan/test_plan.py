"""The nodes that a file gives, its called files, and what it would do."""

from typing import Any

import pytest

from app.engine.definition import (
    CallSecret,
    Concurrency,
    Definition,
    EventFilter,
    Input,
    Position,
    Strategy,
    Triggers,
)
from app.engine.document import require
from app.engine.machine import required_labels
from app.engine.plan import Forecast, InvalidPlan, called_files, plan, preview
from app.engine.plan.called import MAX_NESTING
from tests.engine.machine.driver import file, job

CONTEXTS = {"github": {"ref": "main"}, "inputs": {"count": 2}, "vars": {"site": "x"}}
FILE = """
on: push
run-name: Build ${{ github.ref }}
concurrency:
  group: ci-${{ github.ref }}
  cancel-in-progress: ${{ github.ref != 'main' }}
jobs:
  lint:
    runs-on: [self-hosted, GPU]
    timeout-minutes: 5
    steps:
      - run: "true"
  unit:
    name: Unit ${{ matrix.python }}
    needs: lint
    runs-on: ${{ matrix.os }}
    continue-on-error: ${{ matrix.python == 14 }}
    strategy:
      fail-fast: false
      max-parallel: 2
      matrix:
        os: [ubuntu-latest, windows-2022]
        python: [11, 14]
    steps:
      - run: "true"
  deploy:
    needs: [lint, unit]
    runs-on: ubuntu-latest
    environment:
      name: ${{ vars.site }}
    concurrency: deploy
    steps:
      - run: "true"
"""


class TestRequiredLabels:
    @pytest.mark.parametrize(
        ("runs_on", "labels"),
        [
            (["ubuntu-latest"], ()),
            (["Ubuntu-24.04"], ()),
            (["self-hosted", "linux"], ()),
            ([], ()),
            (["self-hosted", "GPU", "arm64", "gpu"], ("arm64", "gpu")),
            (["windows-latest"], ("windows-latest",)),
            (["macos-14"], ("macos-14",)),
            ([" ", "x "], ("x",)),
        ],
    )
    def test_what_no_default_worker_covers(
        self, runs_on: list[str], labels: tuple[str, ...]
    ) -> None:
        assert required_labels(runs_on) == labels


class TestPlan:
    def test_a_whole_file(self) -> None:
        planned = plan(require(FILE), CONTEXTS)
        assert (planned.run_name, planned.concurrency_group) == ("Build main", "ci-main")
        assert not planned.cancel_in_progress
        nodes = {node.key: node for node in planned.nodes}
        assert list(nodes) == ["lint", "unit[0]", "unit[1]", "unit[2]", "unit[3]", "deploy"]
        assert (nodes["lint"].labels, nodes["lint"].timeout_s) == (("gpu",), 300.0)
        last = nodes["unit[3]"]
        assert (last.name, last.labels) == ("Unit 14", ("windows-2022",))
        assert (last.matrix_index, last.matrix_total, last.max_parallel) == (3, 4, 2)
        assert (last.fail_fast, last.continue_on_error) == (False, True)
        assert nodes["deploy"].needs == ("lint", "unit")
        assert (nodes["deploy"].environment, nodes["deploy"].concurrency_group) == ("x", "deploy")
        assert {node.status for node in planned.nodes} == {"blocked"}

    def test_a_matrix_that_reads_needs_is_a_stand_in(self) -> None:
        strategy = Strategy(matrix={"n": "${{ fromJSON(needs.a.outputs.n) }}"})
        planned = plan(file(job("a"), job("t", "a", strategy=strategy)), CONTEXTS)
        assert [(node.key, node.kind) for node in planned.nodes] == [("a", "job"), ("t", "matrix")]

    def test_a_matrix_of_inputs_is_known(self) -> None:
        strategy = Strategy(matrix={"n": ["${{ inputs.count }}", 3]})
        planned = plan(file(job("t", strategy=strategy)), CONTEXTS)
        assert [node.matrix for node in planned.nodes] == [{"n": 2}, {"n": 3}]

    def test_only_some_jobs_and_what_they_need(self) -> None:
        definition = file(job("a"), job("b", "a"), job("c", "b"), job("d"))
        planned = plan(definition, CONTEXTS, only=["b"])
        assert [node.key for node in planned.nodes] == ["a", "b"]
        with pytest.raises(InvalidPlan, match="there is no job `bb`; there is `b`"):
            plan(file(job("b")), CONTEXTS, only=["bb"])

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"run_name": "${{ fromJSON('{') }}"}, "`run-name` cannot be evaluated"),
            (
                {"concurrency": Concurrency("${{ fromJSON('{') }}")},
                "`concurrency.group` cannot be evaluated",
            ),
            ({"concurrency": Concurrency("x" * 256)}, "256 characters long; at most 255"),
            (
                {"concurrency": Concurrency("x", "${{ github.ref }}")},
                "`concurrency.cancel-in-progress`: must be true or false, but is `main`",
            ),
        ],
    )
    def test_what_concerns_the_whole_execution_must_be_right(
        self, fields: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidPlan, match=message):
            plan(file(job("a"), **fields), CONTEXTS)

    def test_names_too_long_are_cut_and_keys_refused(self) -> None:
        assert len(plan(file(job("a", name="n" * 300)), CONTEXTS).nodes[0].name) == 100
        with pytest.raises(InvalidPlan, match="over 255 characters long"):
            plan(file(job("a" * 256)), CONTEXTS)


class TestCalledFiles:
    def test_files_are_found_by_the_path_of_calls(self) -> None:
        inner = file(job("x"))
        outer = file(job("b", uses="./inner.yml"))
        own = file(job("a", uses="./outer.yml"), job("c", uses="./inner.yml"))
        found = called_files(own, {"./outer.yml": outer, "./inner.yml": inner})
        assert found == {(): own, ("a",): outer, ("c",): inner, ("a", "b"): inner}

    def test_a_missing_file_is_named_with_its_place(self) -> None:
        with pytest.raises(InvalidPlan, match=r"`\./x.yml`, which does not exist") as caught:
            called_files(file(job("a", uses="./x.yml")), {"./y.yml": file(job("b"))})
        assert (caught.value.position, caught.value.path) == (Position(1, 1), ())

    def test_circles_are_refused(self) -> None:
        files = {
            "./x.yml": file(job("b", uses="./y.yml")),
            "./y.yml": file(job("c", uses="./x.yml")),
        }
        with pytest.raises(InvalidPlan, match=r"\./x.yml → \./y.yml → \./x.yml"):
            called_files(file(job("a", uses="./x.yml")), files)

    def test_calls_go_only_so_deep(self) -> None:
        files = {f"./{n}.yml": file(job("a", uses=f"./{n + 1}.yml")) for n in range(12)}
        with pytest.raises(InvalidPlan, match=f"more than {MAX_NESTING} levels deep"):
            called_files(file(job("a", uses="./0.yml")), files)

    def test_calls_go_only_so_wide(self) -> None:
        files = {
            f"./{n}.yml": file(*(job(f"j{i}", uses=f"./{n + 1}.yml") for i in range(9)))
            for n in range(6)
        }
        with pytest.raises(InvalidPlan, match="more than 256 files"):
            called_files(file(job("a", uses="./0.yml")), files)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "requires the input `env`"),
            ({"with_": {"env": 1, "x": 1}}, "has no input `x`; it accepts: `env`, `ref`"),
            ({"with_": {"env": 1}}, "requires the secret `token`"),
            ({"with_": {"env": 1}, "secrets": {"t": ""}}, "has no secret `t`; it accepts: `token`"),
        ],
    )
    def test_a_call_passes_what_the_file_requires(
        self, fields: dict[str, Any], message: str
    ) -> None:
        on = Triggers(
            call_inputs=(Input("env", required=True), Input("ref", required=True, default="main")),
            call_secrets=(CallSecret("token", required=True),),
        )
        own = file(job("a", uses="./x.yml", **fields))
        found = called_files(own, {"./x.yml": file(job("b"), on=on)})
        with pytest.raises(InvalidPlan, match=message):
            plan(own, CONTEXTS, files=found)

    def test_a_call_needs_a_file_that_can_be_called(self) -> None:
        own = file(job("a", uses="./x.yml"))
        called = file(job("b"), on=Triggers(events=(EventFilter("push"),)))
        with pytest.raises(InvalidPlan, match="has no `workflow_call` under `on`"):
            plan(own, CONTEXTS, files=called_files(own, {"./x.yml": called}))

    def test_inherited_secrets_are_not_checked(self) -> None:
        on = Triggers(call_secrets=(CallSecret("token", required=True),))
        own = file(job("a", uses="./x.yml", secrets="inherit"))
        found = called_files(own, {"./x.yml": file(job("b"), on=on)})
        assert plan(own, CONTEXTS, files=found).nodes[0].kind == "call"


def told(forecasts: tuple[Forecast, ...]) -> dict[str, tuple[str, str | None]]:
    """Outlook and reason by key, of the forecasts and all under them."""
    found: dict[str, tuple[str, str | None]] = {}
    for one in forecasts:
        found[one.node.key] = (one.outlook, one.reason)
        found |= told(one.children)
    return found


class TestPreview:
    def of(self, *jobs: Any, files: dict[str, Definition] | None = None) -> dict[str, Any]:
        """What is told of these jobs."""
        definition = file(*jobs)
        return told(preview(definition, CONTEXTS, files=called_files(definition, files or {})))

    def test_now_later_and_skipped(self) -> None:
        assert self.of(
            job("a"),
            job("b", "a"),
            job("c", condition="github.ref == 'dev'"),
            job("d", "c", "a"),
            job("e", "c", condition="always()"),
            job("f", "d"),
        ) == {
            "a": ("now", None),
            "b": ("later", "needs `a` (line 1)"),
            "c": ("skipped", "`if` on line 12 is false"),
            "d": ("skipped", "job `c` is skipped"),
            "e": ("later", "needs `c` (line 1)"),
            "f": ("skipped", "job `d` is skipped"),
        }

    def test_what_depends_on_results(self) -> None:
        assert self.of(
            job("a"),
            job("b", "a", condition="needs.a.outputs.x == '1'"),
            job("c", "a", condition="failure()"),
            job("d", "b"),
        ) == {
            "a": ("now", None),
            "b": ("depends", "`if` on line 12 reads `needs`"),
            "c": ("depends", "`if` on line 12 asks how other jobs end"),
            "d": ("depends", "needs `b` (line 1)"),
        }

    def test_an_if_that_cannot_be_evaluated(self) -> None:
        told_of_it = self.of(job("a", condition="fromJSON('{')"), job("b", "a"))
        outlook, reason = told_of_it["a"]
        assert outlook == "invalid"
        assert reason.startswith("`if` on line 12 cannot be evaluated: ")
        assert told_of_it["b"] == ("skipped", "job `a` is invalid")

    def test_matrices(self) -> None:
        late = Strategy(matrix="${{ fromJSON(needs.a.outputs.m) }}", position=Position(7, 3))
        assert self.of(
            job("a", strategy=Strategy(matrix={"n": [1, 2]})), job("b", "a", strategy=late)
        ) == {
            "a[0]": ("now", None),
            "a[1]": ("now", None),
            "b": ("depends", "the matrix on line 7 is not known yet"),
        }

    def test_matrices_that_make_no_jobs(self) -> None:
        matrix = {"n": [1], "exclude": [{"n": 1}]}
        empty = Strategy(matrix=matrix, position=Position(7, 3))
        broken = Strategy(matrix="${{ fromJSON('3') }}", position=Position(9, 3))
        found = self.of(
            job("a", strategy=empty), job("b", "a"), job("c", strategy=broken), job("d", "c")
        )
        left = "no combination of the matrix is left after `exclude` (line 7)"
        assert found["a"] == ("skipped", left)
        assert found["b"] == ("skipped", "job `a` is skipped")
        assert found["c"][0] == "invalid"
        assert "(line 9)" in (found["c"][1] or "")
        assert found["d"] == ("skipped", "job `c` is invalid")

    def test_called_files_are_shown_with_their_inputs(self) -> None:
        on = Triggers(call_inputs=(Input("go", "boolean"),))
        called = file(job("x", condition="inputs.go"), job("y", "x"), on=on)
        assert self.of(
            job("a", uses="./x.yml", with_={"go": False}),
            job("b", uses="./x.yml", with_={"go": "${{ github.ref == 'main' }}"}),
            job("c", "b", uses="./x.yml", with_={"go": "${{ needs.b.outputs.go }}"}),
            job("d", uses="./x.yml", with_={"go": "${{ github.ref }}"}),
            files={"./x.yml": called},
        ) == {
            "a": ("now", None),
            "a/x": ("skipped", "`if` on line 12 is false"),
            "a/y": ("skipped", "job `x` is skipped"),
            "b": ("now", None),
            "b/x": ("now", None),
            "b/y": ("later", "needs `x` (line 1)"),
            "c": ("later", "needs `b` (line 1)"),
            "c/x": ("depends", "`if` on line 12 reads `inputs`"),
            "c/y": ("depends", "needs `x` (line 1)"),
            "d": (
                "invalid",
                "`with` of the job `d` (line 1): input 'go': must be true or false, not 'main'",
            ),
        }
