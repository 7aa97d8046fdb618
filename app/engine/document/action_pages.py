"""The page about the built-in actions, made from their declarations.

`python -m app.engine.document.action_pages > docs/actions.md`
"""

import sys

from app.engine.document.actions import BUILT_IN, Action

PAGE = """# Built-in actions

Made from `app/engine/document/actions.py` by
`python -m app.engine.document.action_pages > docs/actions.md`.

A step uses one by its name (`uses: http`); a public name works with any `@REF`.
"""


def as_markdown() -> str:
    """The page of the documentation."""
    return PAGE + "".join(_section(name, BUILT_IN[name]) for name in sorted(BUILT_IN))


def _section(name: str, action: Action) -> str:
    alias = f" Public name: `{action.alias}@REF`." if action.alias else ""
    lines = ["", f"## `{name}`", "", f"{action.description}{alias}", ""]
    lines += ["| input | default | meaning |", "|---|---|---|"]
    for key, given in action.inputs.items():
        default = "required" if given.required else f"`{given.default}`" if given.default else ""
        effect = f" No effect: {given.no_effect}." if given.no_effect else ""
        lines.append(f"| `{key}` | {default} | {_cell(given.description)}{effect} |")
    if action.outputs:
        lines += ["", "| output | meaning |", "|---|---|"]
        lines += [f"| `{key}` | {_cell(text)} |" for key, text in action.outputs.items()]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
