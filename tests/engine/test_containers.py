"""What `container` and `services` are once evaluated: tables of values."""

from typing import Any

import pytest

from app.engine.containers import (
    Container,
    ContainerIsInvalid,
    Credentials,
    read_container,
    read_services,
)
from app.engine.document import load, require

READ = {
    "text": ("node:20", Container("node:20")),
    "with docker://": ("docker://node:20", Container("node:20")),
    "digest": ("h:5000/a/b@sha256:ab", Container("h:5000/a/b@sha256:ab")),
    "nothing": (None, None),
    "empty text": ("", None),
    "blanks": ("  ", None),
    "empty image": ({"image": "", "ports": [80]}, None),
    "no image": ({"options": "--init"}, None),
    "map": (
        {
            "image": "a",
            "env": {"A": 1, "B": None, "C": True},
            "ports": [80.0, "90:91/udp"],
            "volumes": ["v:/v", ""],
            "options": "--init",
            "credentials": {"username": "u", "password": "p"},
        },
        Container(
            "a",
            {"A": "1", "B": "", "C": "true"},
            ("80", "90:91/udp"),
            ("v:/v",),
            "--init",
            Credentials("u", "p"),
        ),
    ),
    "empty parts": (
        {"image": "a", "env": "", "ports": None, "volumes": "", "credentials": None},
        Container("a"),
    ),
    "empty credentials": (
        {"image": "a", "credentials": {"username": "", "password": ""}},
        Container("a"),
    ),
}


@pytest.mark.parametrize(("value", "expected"), READ.values(), ids=READ.keys())
def test_a_container_is_read(value: Any, expected: Container | None) -> None:
    assert read_container(value) == expected


REFUSED = {
    "list": (["a"], "container must be a text, not a list."),
    "image is a map": ({"image": {}}, "container.image must be a text, not a map."),
    "unknown key": ({"image": "a", "port": []}, "no key 'port'. Did you mean 'ports'?"),
    "key of services": ({"image": "a", "entrypoint": "x"}, "no key 'entrypoint'."),
    "an option as image": ("--privileged", "'--privileged' is no name of an image."),
    "two words": ("a b", "'a b' is no name of an image."),
    "ports are a map": ({"image": "a", "ports": {}}, "container.ports must be a list"),
    "env is a list": ({"image": "a", "env": ["A"]}, "container.env must be a map"),
    "no password": (
        {"image": "a", "credentials": {"username": "u", "password": ""}},
        "the password is missing or empty. Does the secret or variable exist?",
    ),
    "no username": ({"image": "a", "credentials": {"password": "p"}}, "the username is missing"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_container_says_why(value: Any, message: str) -> None:
    with pytest.raises(ContainerIsInvalid) as caught:
        read_container(value)
    assert message in str(caught.value)


REGISTRIES = {
    "node": "docker.io",
    "octocat/node": "docker.io",
    "r.example/node": "r.example",
    "localhost/node:1": "localhost",
    "host:5000/a/b": "host:5000",
}


@pytest.mark.parametrize(("image", "registry"), REGISTRIES.items())
def test_the_registry_is_part_of_the_image(image: str, registry: str) -> None:
    assert Container(image).registry == registry


class TestServices:
    def test_are_read_in_order_and_empty_ones_are_left_out(self) -> None:
        value = {
            "db": {"image": "db:1", "entrypoint": "run", "command": "--fast"},
            "none": {"image": ""},
            "cache": "redis:7",
        }
        found = read_services(value)
        assert list(found) == ["db", "cache"]
        assert (found["db"].entrypoint, found["db"].command) == ("run", "--fast")

    @pytest.mark.parametrize("value", [None, "", {}])
    def test_may_be_none(self, value: Any) -> None:
        assert read_services(value) == {}

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("db", "services must be a map, not 'db'."),
            ({"a b": "x"}, "services.a b: the name of a service"),
            ({"db": {"image": "x", "comand": "y"}}, "services.db: there is no key 'comand'. Did"),
        ],
    )
    def test_what_is_no_service_says_why(self, value: Any, message: str) -> None:
        with pytest.raises(ContainerIsInvalid) as caught:
            read_services(value)
        assert message in str(caught.value)


HEAD = "jobs:\n  a:\n    runs-on: x\n    steps: [{run: x}]\n"


class TestDocument:
    def test_all_that_github_documents_loads(self) -> None:
        text = HEAD + (
            "    container:\n"
            "      image: '${{ matrix.image }}'\n"
            "      env: {A: '${{ secrets.A }} ${{ env.B }}'}\n"
            "      options: --cpus ${{ vars.CPUS }}\n"
            "      credentials: {username: '${{ vars.U }}', password: '${{ secrets.P }}'}\n"
            "      ports: [80, '90:90']\n"
            "      volumes: ['${{ github.workspace }}:/w']\n"
            "    services:\n"
            "      db: {image: x, env: {A: b}, options: --health-cmd x, ports: [5432]}\n"
            "      all: {image: x, entrypoint: y, command: z, volumes: [/data]}\n"
        )
        job = require(text).jobs["a"]
        assert isinstance(job.container, dict)
        assert isinstance(job.services, dict)
        assert list(job.services) == ["db", "all"]
        assert not load(text).errors

    @pytest.mark.parametrize(
        ("line", "code", "place", "words"),
        [
            ("container: {image: x, imge: x}", "unknown_key", (5, 27), "did you mean 'image'"),
            ("container: {env: {}}", "missing_key", (5, 16), "'image' is missing"),
            ("container: [x]", "wrong_type", (5, 16), "expected"),
            ("container: '${{ secrets.X }}'", "invalid_expression", (5, 21), "secrets"),
            ("services: {db: {image: x, ports: 80}}", "wrong_type", (5, 38), "a list of ports"),
            ("services: {1db: {image: x}}", "invalid_id", (5, 16), "not a valid id"),
            ("services: {db: {image: x, option: y}}", "unknown_key", (5, 31), "'options'"),
        ],
    )
    def test_a_mistake_is_reported_where_it_is(
        self, line: str, code: str, place: tuple[int, int], words: str
    ) -> None:
        found = load(f"{HEAD}    {line}\n").errors[0]
        assert (found.code, found.position.line, found.position.column) == (code, *place)
        assert words.lower() in found.message.lower()
