"""A callback plugin of Ansible: writes what every host said to every task, as JSON lines.

It runs inside `ansible-playbook`, which `uses: ansible-playbook` starts; nothing here is imported
by AnsFlow.
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: ansflow_results
type: notification
short_description: Results of tasks for AnsFlow
description: Writes results of tasks to the file that ANSFLOW_ANSIBLE_RESULTS names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible is not installed here
    """See the module."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ansflow_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, value: dict[str, Any]) -> None:
        with open(os.environ["ANSFLOW_ANSIBLE_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(value) + "\n")

    def _result(self, result: Any, how: str) -> None:
        host, task = result._host.get_name(), result._task.get_name()  # noqa: SLF001  their API
        self._write({"host": host, "task": task, "result": how})

    def v2_runner_on_ok(self, result: Any, **_: Any) -> None:
        changed = result._result.get("changed", False)  # noqa: SLF001  their API
        self._result(result, "changed" if changed else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False, **_: Any) -> None:
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any, **_: Any) -> None:
        self._result(result, "unreachable")

    def v2_runner_on_skipped(self, result: Any, **_: Any) -> None:
        self._result(result, "skipped")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        self._write({"stats": hosts})
