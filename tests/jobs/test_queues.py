"""Names and arguments of queues."""

import pytest

from app.jobs.queues import (
    base_of,
    dead_letters_of,
    declarations,
    default_queues,
    queue_arguments,
    queue_for,
)


class TestQueueFor:
    def test_without_labels_it_is_the_priority(self) -> None:
        assert [queue_for(each) for each in ("high", "medium", "low")] == [
            "high_priority",
            "medium_priority",
            "low_priority",
        ]

    def test_labels_count_as_a_set_whatever_their_case(self) -> None:
        queue = queue_for("high", ["gpu", "Linux"])
        assert queue.startswith("high_priority.")
        assert queue == queue_for("high", ["linux", "GPU", "gpu"])

    def test_other_labels_are_another_queue(self) -> None:
        queues = {queue_for("high", labels) for labels in (["a", "b"], ["ab"], ["a"], ["b"], [])}
        assert len(queues) == 5

    def test_an_unknown_priority_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match="'urgent' is none of high, medium, low"):
            queue_for("urgent")

    def test_the_queue_of_labels_belongs_to_its_priority(self) -> None:
        assert base_of(queue_for("low", ["gpu"])) == queue_for("low")


class TestArguments:
    def test_rejected_messages_go_to_the_dead_letters(self) -> None:
        arguments = queue_arguments("p.high_priority")
        assert arguments["x-dead-letter-exchange"] == ""
        assert arguments["x-dead-letter-routing-key"] == dead_letters_of("p.high_priority")

    def test_dead_letters_end_after_a_week(self) -> None:
        week_ms = 7 * 24 * 3600 * 1000
        assert queue_arguments("high_priority.XQ") == {"x-message-ttl": week_ms}

    def test_only_queues_of_labels_end_when_nobody_uses_them(self) -> None:
        for prefix in ("", "test_1."):
            for queue in default_queues():
                assert "x-expires" not in queue_arguments(prefix + queue)
            of_labels = prefix + queue_for("high", ["gpu"])
            assert "x-expires" in queue_arguments(of_labels)
            assert "x-expires" in queue_arguments(dead_letters_of(of_labels))

    def test_quorum_is_a_setting_for_a_queue_and_its_dead_letters(self) -> None:
        for _, arguments in declarations("high_priority", quorum=True):
            assert arguments["x-queue-type"] == "quorum"
        for _, arguments in declarations("high_priority"):
            assert "x-queue-type" not in arguments
