"""Typed inputs of a run: what a person or an API call gives becomes what the file declares."""

import math
from collections.abc import Mapping, Sequence

from app.engine.definition import Input, Scalar
from app.engine.document.findings import near, shortened
from app.engine.expressions import to_text

_WITHOUT_VALUE: Mapping[str, Scalar] = {"boolean": False, "number": 0}


class InvalidInputs(Exception):
    """Inputs that do not fit. `problems` are pairs of the input's name and what is wrong."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"input '{name}': {message}" for name, message in problems))


class _Unfit(ValueError):
    pass


def coerce_inputs(inputs: Sequence[Input], given: Mapping[str, object]) -> Mapping[str, Scalar]:
    """The `inputs` context: every declared input, typed, in the order of the file.

    Parameters:
        inputs: as declared. Names are compared without case, as everywhere in the language.
        given: values by name. Text counts as a boolean or number when it reads as one; nothing
            and, for a required input, empty text count as not given.

    Raises:
        InvalidInputs: unknown names, missing required inputs, values of the wrong kind.
    """
    declared = {one.name.casefold(): one for one in inputs}
    problems: list[tuple[str, str]] = []
    values: dict[str, object] = {}
    for name, value in given.items():
        one = declared.get(name.casefold())
        if one is None:
            problems.append((name, _unknown(name, inputs)))
        elif one.name in values:
            problems.append(
                (name, f"is given twice: names are compared without case ('{one.name}')")
            )
        else:
            values[one.name] = value
    result: dict[str, Scalar] = {}
    for one in inputs:
        try:
            result[one.name] = _value(one, values.get(one.name))
        except _Unfit as error:
            problems.append((one.name, str(error)))
    if problems:
        raise InvalidInputs(problems)
    return result


def _unknown(name: str, inputs: Sequence[Input]) -> str:
    if not inputs:
        return "is unknown: the file declares no inputs"
    return f"is unknown{near(name, [one.name for one in inputs])}"


def _value(one: Input, value: object) -> Scalar:
    if value is None or (one.required and value == ""):
        if one.default is not None:
            value = one.default
        elif one.required:
            raise _Unfit("is required")
        else:
            return _WITHOUT_VALUE.get(one.kind, "")
    if not isinstance(value, str | int | float):
        raise _Unfit(f"must be text, a number or a boolean, not {type(value).__name__}")
    if one.kind == "boolean":
        return _boolean(value)
    return _number(value) if one.kind == "number" else _text(one, value)


def _boolean(value: str | float) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise _Unfit(f"must be true or false, not '{shortened(to_text(value))}'")


def _number(value: str | float) -> int | float:
    if isinstance(value, bool):
        raise _Unfit("must be a number, not a boolean")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (isinstance(value, str) and "_" in value):
        raise _Unfit(f"must be a number, not '{shortened(to_text(value))}'")
    return int(number) if number.is_integer() else number


def _text(one: Input, value: str | float) -> str:
    text = to_text(value)
    if one.kind == "choice" and text not in one.options:
        if text == "" and not one.required:
            return ""
        raise _Unfit(f"'{shortened(text)}' is not one of its options{near(text, one.options)}")
    return text
