"""What a run of Ansible said: outputs, a summary, and in words why it failed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 8 << 20
MAX_LISTED = 500
_WRONG = ("failed", "unreachable")
_COLUMNS = ("ok", "changed", "unreachable", "failures", "skipped", "rescued", "ignored")


@dataclass(slots=True)
class Results:
    """`tasks` are host, task and result in order; `stats` the recap of each host."""

    tasks: list[dict[str, str]] = field(default_factory=list)
    stats: dict[str, dict[str, int]] = field(default_factory=dict)

    def total(self, column: str) -> int:
        """The sum over all hosts."""
        return sum(host[column] for host in self.stats.values())

    def outputs(self) -> Mapping[str, str]:
        """The outputs of the step; of many results those that tell most."""
        ranked = sorted(self.tasks, key=lambda each: each["result"] not in (*_WRONG, "changed"))
        return {
            "hosts": json.dumps(self.stats),
            "results": json.dumps(ranked[:MAX_LISTED]),
            "ok": str(self.total("ok")),
            "changed": str(self.total("changed")),
            "failed": str(self.total("failures")),
            "unreachable": str(self.total("unreachable")),
        }

    def summary(self, title: str) -> str:
        """A table of the recap, in Markdown."""
        head = ["host", *_COLUMNS]
        rows = [head, ["---"] * len(head)]
        for name, counts in list(self.stats.items())[:MAX_LISTED]:
            rows.append([_cell(name), *(str(counts[column]) for column in _COLUMNS)])
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        lines = [
            f"- {_cell(each['host'])}: {_cell(each['task'])} {each['result']}"
            for each in self.wrong()
        ]
        return "\n".join([f"### {_cell(title)}", "", table, "", *lines]) + "\n"

    def wrong(self) -> Sequence[Mapping[str, str]]:
        """The first tasks that failed or did not reach their host."""
        return [each for each in self.tasks if each["result"] in _WRONG][:20]

    def reason(self, exit_code: int) -> str:
        """Why the step failed."""
        first = [f"{each['host']}: {each['task']} {each['result']}" for each in self.wrong()[:3]]
        told = "; ".join(first)
        text = f"ansible-playbook ended with exit code {exit_code}"
        return f"{text}: {told}." if told else f"{text}."


def read_results(data: bytes) -> Results:
    """What the callback plugin wrote. The job could write there too: what does not fit is left."""
    results = Results()
    for line in data[:MAX_BYTES].decode("utf-8", "replace").splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match value:
            case {"host": str(host), "task": str(task), "result": str(result)}:
                found = {"host": host[:255], "task": task[:255], "result": result[:20]}
                results.tasks.append(found)
            case {"stats": dict(stats)}:
                results.stats = {str(host)[:255]: _counts(each) for host, each in stats.items()}
    return results


def _counts(value: Any) -> dict[str, int]:
    given = value if isinstance(value, dict) else {}
    return {
        column: number if isinstance(number := given.get(column), int) else 0 for column in _COLUMNS
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
