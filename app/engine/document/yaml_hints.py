"""What to do about a text that libyaml cannot read, for people who write pipelines."""

from typing import Final

_INDENTATION: Final = "keys of one map and items of one list begin in the same column"
_QUOTES: Final = "put the value in quotes"

_HINTS: Final = (
    ("did not find expected key", f"{_INDENTATION}, and nothing follows a closing quote"),
    ("did not find expected '-' indicator", _INDENTATION),
    ("mapping values are not allowed", f"{_QUOTES} if it holds ': '; else see the indentation"),
    ("block sequence entries are not allowed", "a list begins in a line of its own"),
    ("alphabetic or numeric character", f"{_QUOTES}: '*' and '&' at its beginning have a meaning"),
    ("cannot start any token", f"{_QUOTES}: '@', '`' and '%' cannot begin one"),
    ("expected ',' or ']'", "the '[' of line {line} is not closed"),
    ("expected ',' or '}'", "the '{{' of line {line} is not closed"),
    ("unexpected end of stream", "the quote of line {line} is not closed"),
    ("could not find expected ':'", "a line without 'key: value'; text of a '|' is indented more"),
    ("unknown escape character", "in double quotes '\\' begins an escape; use single quotes"),
)


def yaml_hint(problem: str, begin: int) -> str:
    """The end of a message about bad YAML; empty when there is nothing to advise.

    Parameters:
        problem: the words of libyaml.
        begin: the line, from 1, in which the construct begins that it was reading.
    """
    for words, hint in _HINTS:
        if words in problem:
            return "; " + hint.format(line=begin)
    return ""
