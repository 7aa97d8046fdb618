"""What to do about an expression that is refused, for people who write pipelines."""

import re
from typing import Final

from app.engine.document.findings import did_you_mean
from app.engine.expressions import ExpressionError, availability

_SPELLING: Final = (
    "always cancelled case contains endsWith failure format fromJSON hashFiles join startsWith "
    "success toJSON"
)
_SPECIAL: Final = frozenset({"always", "cancelled", "failure", "success", "hashfiles"})
_REFUSED: Final = re.compile(r"(Unrecognized named-value|Unrecognized function|Unexpected symbol)")
_SYMBOLS: Final = {
    '"': "text stands between single quotes",
    "=": "'==' compares",
    "&": "'&&' means and",
    "|": "'||' means or",
    "+": "expressions cannot calculate",
    "-": "expressions cannot calculate",
    "*": "expressions cannot calculate",
    "/": "expressions cannot calculate",
    "%": "expressions cannot calculate",
}


def expression_hint(error: ExpressionError, key: str) -> str:
    """The end of a message about an expression; empty when there is nothing to advise.

    Parameters:
        error: as the parser raised it.
        key: the row of the table of availability, as `jobs.<job_id>.if`.
    """
    refused = _REFUSED.match(error.message)
    if refused is None:
        return ""
    shown = error.message.removeprefix(refused[0]).removeprefix(": '").partition("'. Located")[0]
    if refused[0] == "Unexpected symbol":
        hint = _SYMBOLS.get(shown[:1])
        return f"; {hint}" if hint else ""
    return _instead(shown, key, function=refused[0].endswith("function"))


def _instead(word: str, key: str, *, function: bool) -> str:
    allowed = availability(key)
    if allowed is None:
        return ""
    names = [
        name
        for name in _SPELLING.split()
        if name.lower() not in _SPECIAL or name.lower() in allowed.functions
    ]
    meant = did_you_mean(word, names if function else sorted(allowed.contexts))
    contexts = f"Available here: {', '.join(sorted(allowed.contexts))}"
    special = sorted(allowed.functions)
    more = ", ".join(special).replace("hashfiles", "hashFiles")
    listed = f"{contexts}; functions besides the built-in: {more}" if special else contexts
    return f"{meant} {listed}" if meant else f". {listed}"
