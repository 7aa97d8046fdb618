"""`::commands::` in the output."""

import pytest

from tests.workers.runner.memory import Bench, steps
from workers.runner.masking import Masker
from workers.runner.ports import Annotation
from workers.runner.workflow_commands import WorkflowCommands


def commands(**options: bool) -> WorkflowCommands:
    return WorkflowCommands(3, Masker(), **options)


def test_an_error_is_shown_and_becomes_an_annotation() -> None:
    interpreter = commands()
    shown = interpreter(b"::error file=a%2Cb.py,line=4,endLine=6,col=2,title=T%3A1::one%0Atwo%25")
    assert shown == b"##[error]one\ntwo%\n"
    assert interpreter.annotations == [
        Annotation(3, "error", "one\ntwo%", "T:1", "a,b.py", 4, 6, 2, None)
    ]


@pytest.mark.parametrize(
    "line", [b"::unknown::x", b"::", b":::", b"::error", b":: error::x", b"::a b"]
)
def test_what_is_no_command_is_shown_as_it_is(line: bytes) -> None:
    assert commands()(line) is None


def test_stopped_commands_do_nothing_until_their_token() -> None:
    interpreter = commands()
    assert interpreter(b"::stop-commands::token-1") == b"::stop-commands::token-1\n"
    assert interpreter(b"::error::x") is None
    assert interpreter(b"::Token-1::") == b"::Token-1::\n"
    assert interpreter(b"::error::x") == b"##[error]x\n"


def test_echo_shows_the_command_itself() -> None:
    interpreter = commands()
    assert interpreter(b"::set-output name=a::1") == b""
    interpreter(b"::echo::on")
    assert interpreter(b"::set-output name=a::2") == b"::set-output name=a::2\n"
    assert interpreter.outputs == {"a": "2"}


def test_debug_lines_show_only_in_a_debug_run() -> None:
    assert commands()(b"::debug::x") == b""
    assert commands(debug=True)(b"::debug::x").startswith(b"##[debug]x\n")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "line",
    [
        b"::set-env name=A::1",
        b"::add-path::/x",
        b"::set-output::1",
        b"::echo::maybe",
        b"::stop-commands::error",
    ],
)
def test_wrong_and_disabled_commands_are_errors(line: bytes) -> None:
    interpreter = commands()
    shown = interpreter(line)
    assert shown is not None
    assert shown.startswith(b"##[error]")
    assert interpreter.errors


def test_a_mask_of_nothing_is_a_warning() -> None:
    interpreter = commands()
    assert (interpreter(b"::add-mask::") or b"").startswith(b"##[warning]")
    assert not interpreter.errors


def test_old_commands_work_when_they_are_allowed() -> None:
    interpreter = commands(allow_unsecure=True)
    interpreter(b"::set-env name=A::1")
    interpreter(b"::add-path::/x")
    assert (interpreter.env, interpreter.paths) == ({"A": "1"}, ["/x"])


async def test_commands_in_a_log(bench: Bench) -> None:
    result = await bench.run(
        steps(
            "echo 'a ::error::no command'\n"
            "echo '  ::group::Title'\necho inside\necho '::endgroup::'\n"
            "echo '::set-output name=v::7'\necho '::notice::end' >&2"
        )
    )
    assert bench.store.text(0) == (
        "a ::error::no command\n##[group]Title\ninside\n##[endgroup]\n##[notice]end\n"
    )
    assert bench.store.step(0).outputs == {"v": "7"}
    assert [(note.level, note.message) for note in result.annotations] == [("notice", "end")]


async def test_a_disabled_command_fails_the_step(bench: Bench) -> None:
    await bench.run(steps("echo '::set-env name=A::1'"))
    assert bench.store.statuses() == ["failure"]


async def test_a_variable_turns_debug_lines_on(bench: Bench) -> None:
    contexts = {"vars": {"ACTIONS_STEP_DEBUG": "true"}}
    script = "echo '::debug::seen'\necho $RUNNER_DEBUG ${{ runner.debug }}"
    await bench.run(steps(script), contexts=contexts)
    assert bench.store.text(0) == "##[debug]seen\n1 1\n"
