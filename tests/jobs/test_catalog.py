"""Messages on the wire."""

import re
import uuid
from typing import Any

import pytest

from app.core.clock import new_id
from app.jobs.catalog import BY_WIRE, MESSAGES, InvalidMessage, Message, RunJob
from workers.actors import ACTORS


def _example(kind: type[Message]) -> Message:
    values: dict[str, Any] = {}
    for name, type_ in kind.__annotations__.items():
        values[name] = new_id() if type_ is uuid.UUID else 3
    return kind(**values)


class TestCatalogue:
    def test_every_message_has_exactly_one_actor(self) -> None:
        assert set(ACTORS) == set(MESSAGES)

    def test_wire_names_are_noun_verb_and_unique(self) -> None:
        assert len(BY_WIRE) == len(MESSAGES)
        assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", wire) for wire in BY_WIRE)

    def test_messages_carry_ids_and_the_attempt_only(self) -> None:
        for message in MESSAGES:
            for name, kind in message.__annotations__.items():
                assert kind is uuid.UUID or (name, kind) == ("attempt", int)


class TestBody:
    @pytest.mark.parametrize("kind", MESSAGES)
    def test_a_message_survives_the_wire(self, kind: type[Message]) -> None:
        message = _example(kind)
        assert BY_WIRE[kind.wire].from_body(message.body()) == message

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"job_id": "01a2239c-2f63-7147-b1b2-de8d70fa31d7"},
            {"job_id": "no-id", "attempt": 1},
            {"job_id": 7, "attempt": 1},
            {"job_id": "01a2239c-2f63-7147-b1b2-de8d70fa31d7", "attempt": "1"},
            {"job_id": "01a2239c-2f63-7147-b1b2-de8d70fa31d7", "attempt": True},
            {"job_id": "01a2239c-2f63-7147-b1b2-de8d70fa31d7", "attempt": 1, "more": 1},
        ],
    )
    def test_what_does_not_fit_is_invalid(self, body: dict[str, Any]) -> None:
        with pytest.raises(InvalidMessage, match=r"job\.run"):
            RunJob.from_body(body)
