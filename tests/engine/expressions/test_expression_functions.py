"""The built-in functions and those that are passed in."""

import pytest

from app.engine.expressions import ExpressionError, Function, Functions, evaluate, parse

CONTEXTS: dict[str, object] = {
    "github": {"ref_name": "main", "Event": {"labels": [{"name": "bug"}, {"name": "help"}, {}]}},
    "matrix": {"os": ["linux", "windows"], "size": 3},
    "needs": {
        "build": {"result": "success", "outputs": {"x": "1"}},
        "test": {"result": "failure", "outputs": {"x": "2"}},
    },
    "grid": [[1, 2], [3], "x", {"a": 4, "b": {"c": 5}}],
}


class TestFunctions:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("CONTAINS('Hello', 'LL')", True),
            ("contains('', '')", True),
            ("contains(matrix.os, 'LINUX')", True),
            ("contains(matrix.os, 'lin')", False),
            ("contains(matrix, 'os')", False),
            ("contains('Object', matrix)", False),
            ("contains(needs.*.result, 'failure')", True),
            ("contains(fromJSON('[]'), null)", False),
            ("contains(fromJSON('[1,null]'), false)", True),
            ("contains(123, 2)", True),
            ("startsWith('Hello', 'hE')", True),
            ("startsWith('Hello', '')", True),
            ("startsWith(123, 12)", True),
            ("startsWith(null, '')", True),
            ("startsWith(matrix, 'O')", False),
            ("startsWith('Array', matrix.os)", False),
            ("endsWith('Hello', 'LO')", True),
            ("endsWith('Hello', 'hell')", False),
            ("endsWith(1.5, '.5')", True),
            ("endsWith(true, 'E')", True),
            ("endsWith(matrix, '')", False),
            ("join(matrix.os)", "linux,windows"),
            ("join(matrix.os, '')", "linuxwindows"),
            ("join(matrix.os, ' + ')", "linux + windows"),
            ("join(matrix.os, null)", "linuxwindows"),
            ("join(matrix.os, 0)", "linux0windows"),
            ("join(matrix.os, matrix)", "linux,windows"),
            ("join(needs.*.result, '|')", "success|failure"),
            ("join('abc', '-')", "abc"),
            ("join(null, '-')", ""),
            ("join(1.50)", "1.5"),
            ("join(matrix, '-')", ""),
            ("join(fromJSON('[1,null,true,[],{},\"x\"]'))", "1,,true,Array,Object,x"),
            ("join(fromJSON('[]'), '-')", ""),
            ("format('')", ""),
            ("format('x')", "x"),
            ("format('{0}{1}{0}', 'a', 2)", "a2a"),
            ("format('{{{0}}}', 1)", "{1}"),
            ("format('{{}}')", "{}"),
            ("format('{{0}}', 1)", "{0}"),
            ("format('{00}{001}', 'a', 'b')", "ab"),
            ("format('{0}', '{1}')", "{1}"),
            ("format(null)", ""),
            ("format(12)", "12"),
            ("format(format('{{{0}}}', 0), 'x')", "x"),
            ("format('{0} {1}', matrix, matrix.os)", "Object Array"),
            ("toJSON(null)", "null"),
            ("toJSON('a\"b')", '"a\\"b"'),
            ("toJSON(1.50)", "1.5"),
            ("toJSON(-0)", "0"),
            ("toJSON(NaN)", "null"),
            ("toJSON(Infinity)", "null"),
            ("toJSON(1e20)", "100000000000000000000"),
            ("toJSON(1e21)", "1e+21"),
            ("toJSON(1.5e-6)", "0.0000015"),
            ("toJSON(1e-6)", "0.000001"),
            ("toJSON(1e-7)", "1e-7"),
            ("toJSON(-1.25e-9)", "-1.25e-9"),
            ("toJSON(0.1)", "0.1"),
            ("toJSON(-0.00001)", "-0.00001"),
            ("toJSON(fromJSON('[]'))", "[]"),
            ("toJSON(fromJSON('{}'))", "{}"),
            ("toJSON(fromJSON('[[],{}]'))", "[\n  [],\n  {}\n]"),
            (
                'toJSON(fromJSON(\'{"a":[1,true],"b":{"c":"\\u00e9\\n\\u0001"}}\'))',
                '{\n  "a": [\n    1,\n    true\n  ],\n  "b": {\n    "c": "é\\n\\u0001"\n  }\n}',
            ),
            ("toJSON(needs.*.outputs.x)", '[\n  "1",\n  "2"\n]'),
            ("fromJSON(' 1 ')", 1),
            ("fromJSON('1.0')", 1.0),
            ("fromJSON('\"x\"')", "x"),
            ("fromJSON('null')", None),
            ("fromJSON('true')", True),
            ("fromJSON(true)", True),
            ("fromJSON(12)", 12),
            ("fromJSON('123456789012345678')", 123456789012345680.0),
            ('fromJSON(\'{"a":1,"A":2,"b":3}\')', {"a": 1, "b": 3}),
            ('fromJSON(\'{"a":1,"a":2}\')', {"a": 2}),
            ("fromJSON('\"\\ud83d\\ude00\"')", "\N{GRINNING FACE}"),
            ("fromJSON('\"\\ud800\"')", "\N{REPLACEMENT CHARACTER}"),
            ("case(1 == 2, 'a', 'b' == 'B', 'c', 'd')", "c"),
        ],
    )
    def test_value(self, text: str, value: object) -> None:
        result = evaluate(text, CONTEXTS)
        assert result == value
        assert type(result) is type(value)

    @pytest.mark.parametrize(
        ("text", "position", "message"),
        [
            ("fromJSON('')", 0, "empty input"),
            ("fromJSON(null)", 0, "empty input"),
            ("1 == fromJSON('{')", 5, "Error parsing JSON when evaluating fromJson"),
            ("fromJSON('NaN')", 0, "Error parsing JSON when evaluating fromJson"),
            ("fromJSON('-Infinity')", 0, "Error parsing JSON when evaluating fromJson"),
            ("fromJSON('[1,]')", 0, "Error parsing JSON when evaluating fromJson"),
            ("fromJSON(matrix)", 0, "Error parsing JSON when evaluating fromJson"),
            ("format('{')", 0, "The following format string is invalid: {"),
            ("format('}')", 0, "The following format string is invalid: }"),
            ("format('{}', 1)", 0, "The following format string is invalid: {}"),
            ("format('{a}', 1)", 0, "The following format string is invalid: {a}"),
            ("format('{0', 1)", 0, "The following format string is invalid: {0"),
            ("format('{ 0}', 1)", 0, "The following format string is invalid: { 0}"),
            ("format('{0:x}', 1)", 0, "The following format string is invalid: {0:x}"),
            ("format('{-1}', 1)", 0, "The following format string is invalid: {-1}"),
            ("format('{256}', 1)", 0, "The following format string is invalid: {256}"),
            ("format('{0}}', 1)", 0, "The following format string is invalid: {0}}"),
            (
                "format('{0}{1}', 1)",
                0,
                "The following format string references more arguments than were supplied: {0}{1}",
            ),
            ("!case('x', 1, 2)", 1, "case predicate must evaluate to a boolean value"),
        ],
    )
    def test_error(self, text: str, position: int, message: str) -> None:
        with pytest.raises(ExpressionError) as caught:
            evaluate(text, CONTEXTS)
        assert caught.value == ExpressionError("evaluation", position, message)


class TestGivenFunctions:
    def test_plain_callables_and_functions_in_any_case(self) -> None:
        functions: Functions = {
            "hashFiles": lambda *patterns: "/".join(patterns),
            "Success": Function("success", 0, 0, lambda: True),
        }
        assert evaluate("HASHFILES('a', 'b')", {}, functions) == "a/b"
        assert evaluate("success() && hashFiles('x')", {}, functions) == "x"

    def test_declared_arguments_are_checked(self) -> None:
        functions = {"double": Function("double", 1, 1, lambda value: value * 2)}
        assert evaluate("double(4)", {}, functions) == 8
        with pytest.raises(ExpressionError, match="Too few parameters supplied: 'double'"):
            evaluate("double()", {}, functions)

    def test_known_ones_parse_without_being_given(self) -> None:
        expression = parse("always() && hashFiles('x') || cancelled() || failure()")
        with pytest.raises(ExpressionError) as caught:
            evaluate(expression, {})
        assert caught.value == ExpressionError(
            "evaluation", 0, "The function 'always' is not available here"
        )

    @pytest.mark.parametrize("text", ["success(1)", "always('x')", "hashFiles()"])
    def test_known_ones_check_their_arguments(self, text: str) -> None:
        with pytest.raises(ExpressionError, match="parameters supplied"):
            parse(text)

    def test_only_the_named_ones_exist(self) -> None:
        assert parse("success()", functions=frozenset({"Success"}))
        with pytest.raises(ExpressionError, match="Unrecognized function: 'hashFiles'"):
            parse("hashFiles('x')", functions=frozenset({"success"}))

    def test_their_errors_get_the_place_of_the_call(self) -> None:
        def fail() -> object:
            raise ExpressionError("evaluation", 7, "no workspace")

        with pytest.raises(ExpressionError) as caught:
            evaluate("true && fail()", {}, {"fail": fail})
        assert caught.value.message == "no workspace"
