"""Variables on their way into a container."""

import os

import pytest

from workers.executors.base import CannotStart
from workers.executors.docker.engine import passed


def handed(variables: dict[str, str]) -> tuple[list[str], str, dict[str, str]]:
    """The arguments but those of the file, the file, the variables of the call."""
    with passed(variables) as given:
        *arguments, option, path = given.arguments
        assert option == "--env-file"
        with open(path, encoding="utf-8") as file:
            return arguments, file.read(), dict(given.env)


class TestPassed:
    def test_nothing_is_on_the_command_line(self) -> None:
        variables = {"A": "b", "A-B": " c # d ", "EMPTY": "", "QUOTES": "'\"$x"}
        arguments, file, env = handed(variables)
        assert (arguments, env) == ([], {})
        assert file == "A=b\nA-B= c # d \nEMPTY=\nQUOTES='\"$x\n"

    @pytest.mark.parametrize("value", ["a\nb", "a\r", "x" * 70_000, "\udc80"])
    def test_what_no_line_can_hold_goes_through_the_environment_of_the_call(
        self, value: str
    ) -> None:
        assert handed({"TEXT": value}) == (["--env", "TEXT"], "", {"TEXT": value})

    @pytest.mark.parametrize(
        "name",
        ["LD_PRELOAD", "PATH", "HOME", "DOCKER_HOST", "GODEBUG", "HTTPS_PROXY", "SSL_CERT_FILE"],
    )
    def test_what_the_call_itself_would_read_never_does(self, name: str) -> None:
        assert handed({name: "x"})[2] == {}
        with pytest.raises(CannotStart, match=f"The variable {name} cannot"):
            handed({name: "x\n/work/evil.so"})

    @pytest.mark.parametrize("name", ["", "#a", "a b"])
    def test_what_is_no_name_is_refused(self, name: str) -> None:
        with pytest.raises(CannotStart, match="cannot be the name"):
            handed({name: "x"})

    def test_the_descriptor_is_gone_afterwards(self) -> None:
        with passed({"A": "b"}) as given:
            descriptor = given.descriptor
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
