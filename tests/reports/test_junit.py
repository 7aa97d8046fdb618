"""JUnit XML as tools write it, and as somebody who means harm does."""

import io
from typing import Any

import pytest

from app.artifacts.service import tests
from workers.runner.reports_junit import MAX_DEPTH, ReportIsBroken, read_junit


def read(text: str | bytes, **options: Any) -> list[tests.TestResult]:
    found: list[tests.TestResult] = []
    data = text.encode() if isinstance(text, str) else text
    read_junit(io.BytesIO(data), found.append, **options)
    return found


PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1"
 tests="4" time="0.048"><testcase classname="tests.test_a" name="test_ok" time="0.001"/>
<testcase classname="tests.test_a" name="test_bad" time="0.002">
<failure message="AssertionError: assert 1 == 2">def test_bad():
&gt;       assert 1 == 2</failure></testcase>
<testcase classname="tests.test_a" name="test_skipped" time="0.000">
<skipped type="pytest.skip" message="not today">/x/test_a.py:9: not today</skipped></testcase>
<testcase classname="tests.test_a" name="test_error" time="0.001">
<error message="failed on setup">boom</error></testcase></testsuite></testsuites>"""


def test_what_pytest_writes() -> None:
    found = read(PYTEST)
    assert [(each.name, each.status) for each in found] == [
        ("test_ok", "passed"),
        ("test_bad", "failed"),
        ("test_skipped", "skipped"),
        ("test_error", "error"),
    ]
    assert {each.classname for each in found} == {"tests.test_a"}
    assert {each.suite for each in found} == {"pytest"}
    assert (found[1].message, found[1].duration_s) == ("AssertionError: assert 1 == 2", 0.002)
    assert found[1].details == "def test_bad():\n>       assert 1 == 2"
    assert found[2].message == "not today"


def test_nested_suites_output_and_name_spaces() -> None:
    found = read(
        '<j:testsuites xmlns:j="u"><j:testsuite name="outer"><j:testsuite name="inner">'
        '<j:testcase name="a" file="a.py"><j:properties><j:property name="x" value="y"/>'
        "</j:properties><j:system-out>printed</j:system-out></j:testcase></j:testsuite>"
        '<j:testcase name="b"/></j:testsuite></j:testsuites>'
    )
    assert [(each.suite, each.name) for each in found] == [("inner", "a"), ("outer", "b")]
    assert (found[0].file, found[0].details, found[0].status) == ("a.py", None, "passed")


def test_a_single_suite_may_be_the_root() -> None:
    assert [each.name for each in read('<testsuite name="s"><testcase name="a"/></testsuite>')]


def test_a_test_that_passed_at_the_second_try_is_flaky() -> None:
    (found,) = read(
        '<testsuite><testcase name="a"><flakyFailure message="first">x</flakyFailure>'
        "</testcase></testsuite>"
    )
    assert (found.status, found.flaky) == ("passed", True)


def test_the_first_failure_counts() -> None:
    (found,) = read(
        '<testsuite><testcase name="a"><failure message="one">1</failure><system-out>o'
        '</system-out><error message="two">2</error></testcase></testsuite>'
    )
    assert (found.status, found.message, found.details) == ("failed", "one", "1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1.5", 1.5), ("1,234.5", 1234.5), ("", None), ("nan", None), ("-1", None), ("soon", None)],
)
def test_times(text: str, seconds: float | None) -> None:
    (found,) = read(f'<testsuite><testcase name="a" time="{text}"/></testsuite>')
    assert found.duration_s == seconds


def test_secrets_are_masked() -> None:
    (found,) = read(
        '<testsuite><testcase name="s3cret" classname="s3cret"><failure message="s3cret">s3cret'
        "</failure></testcase></testsuite>",
        mask=lambda text: text.replace("s3cret", "***"),
    )
    assert "s3cret" not in repr(found)
    assert (found.name, found.details) == ("***", "***")


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no element found"),
        ("hello", "syntax error"),
        ("<html/>", "its root is <html>"),
        ('<testsuite><testcase name="a">', "no element found"),
        (f"{LAUGHS}<testsuite><testcase name='&i;'/></testsuite>", "EntitiesForbidden"),
        (
            '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"/>',
            "EntitiesForbidden",
        ),
        ('<!DOCTYPE t SYSTEM "http://127.0.0.1:9/x.dtd"><testsuite/>', "ExternalReferenceForb"),
        ("<testsuite>" * (MAX_DEPTH + 1), "nested deeper"),
        ('<?xml version="1.0" encoding="nonsense"?><testsuite/>', "unknown encoding"),
        (b"<testsuite>\xff\xfe</testsuite>", "not well-formed"),
        (b"\x00" * 100, "not well-formed"),
    ],
    ids=[
        "empty",
        "text",
        "html",
        "cut",
        "laughs",
        "external",
        "subset",
        "deep",
        "encoding",
        "bytes",
        "zero",
    ],
)
def test_what_is_refused(text: str | bytes, why: str) -> None:
    with pytest.raises(ReportIsBroken, match=why):
        read(text)


def test_what_was_read_before_the_break_is_kept() -> None:
    found: list[tests.TestResult] = []
    with pytest.raises(ReportIsBroken):
        read_junit(io.BytesIO(b'<testsuite><testcase name="a"/><oops'), found.append)
    assert [each.name for each in found] == ["a"]
