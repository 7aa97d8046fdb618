"""Reads JUnit XML: what pytest, Surefire, Jest, Go and others write. Nothing in it is trusted.

Entities and external references are refused (defusedxml). No tree is made, so a file costs the
memory of its largest test; sizes and depth are bounded.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import sax
from defusedxml.common import DefusedXmlException

from app.artifacts.service.tests import MAX_DETAILS, TestResult
from app.artifacts.states import TestStatus

MAX_FILE = 32 << 20
MAX_DEPTH = 64
MAX_ATTRIBUTE = 4000
_BAD = {"failure": TestStatus.FAILED, "error": TestStatus.ERROR}
_FLAKY = frozenset({"flakyFailure", "flakyError"})


class ReportIsBroken(Exception):
    """The file cannot be read as JUnit XML; the text says why."""


@dataclass(slots=True)
class _Case:
    """A test whose element is open."""

    attributes: dict[str, str]
    status: TestStatus = TestStatus.PASSED
    message: str = ""
    details: list[str] = field(default_factory=list)
    size: int = 0
    flaky: bool = False


class _Reader(ContentHandler):
    """Where in a file the parser is. `add` is given each test when its element ends."""

    def __init__(self, add: Callable[[TestResult], None], mask: Callable[[str], str]) -> None:
        super().__init__()
        self._add, self._mask = add, mask
        self._names: list[str] = []
        self._suites: list[str] = []
        self._case: _Case | None = None
        self._takes_text = False

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802  SAX calls it so
        """An element begins."""
        name = _local(name)
        if not self._names and name not in ("testsuites", "testsuite"):
            raise ReportIsBroken(f"its root is <{name[:50]}>, not <testsuites>")
        self._names.append(name)
        if len(self._names) > MAX_DEPTH:
            raise ReportIsBroken(f"its elements are nested deeper than {MAX_DEPTH}")
        if self._case is not None:
            self._inside(self._case, name, attrs)
        elif name == "testsuite":
            self._suites.append(_attribute(attrs, "name"))
        elif name == "testcase":
            wanted = ("name", "classname", "file", "time")
            self._case = _Case({key: _attribute(attrs, key) for key in wanted})

    def endElement(self, name: str) -> None:  # noqa: N802  SAX calls it so
        """An element ends."""
        name = self._names.pop()
        self._takes_text = False
        if name == "testcase" and self._case is not None and "testcase" not in self._names:
            case, self._case = self._case, None
            self._add(self._result(case))
        elif name == "testsuite" and self._case is None:
            self._suites.pop()

    def characters(self, content: str) -> None:
        """Text of a failure."""
        case = self._case
        if self._takes_text and case is not None and case.size < MAX_DETAILS:
            case.details.append(content)
            case.size += len(content)

    def _inside(self, case: _Case, name: str, attrs: AttributesImpl) -> None:
        self._takes_text = False
        case.flaky = case.flaky or name in _FLAKY
        is_bad = name in _BAD and case.status not in _BAD.values()
        is_skipped = name == "skipped" and case.status is TestStatus.PASSED
        if is_bad or is_skipped:
            case.status = _BAD[name] if is_bad else TestStatus.SKIPPED
            case.message, case.details, case.size = _attribute(attrs, "message"), [], 0
            self._takes_text = True

    def _result(self, case: _Case) -> TestResult:
        details = self._mask("".join(case.details).strip())
        message = self._mask(case.message.strip()) or details.partition("\n")[0]
        of = {key: self._mask(value) for key, value in case.attributes.items()}
        return TestResult(
            suite=self._mask(next((suite for suite in reversed(self._suites) if suite), "")),
            classname=of["classname"],
            name=of["name"],
            file=of["file"] or None,
            status=case.status,
            duration_s=_seconds(of["time"]),
            message=message or None,
            details=details or None,
            flaky=case.flaky and case.status is TestStatus.PASSED,
        )


def read_junit(
    file: IO[bytes], add: Callable[[TestResult], None], mask: Callable[[str], str] = str
) -> None:
    """Give `add` the tests of a file, one after the other.

    Parameters: `mask` takes secrets out of a text.
    Raises: ReportIsBroken, also after some tests; what `add` raises.
    """
    try:
        sax.parse(file, _Reader(add, mask))
    except DefusedXmlException as error:
        raise ReportIsBroken(f"it has what may do harm ({type(error).__name__})") from None
    except SAXParseException as error:
        where = f"line {error.getLineNumber()}"
        raise ReportIsBroken(f"it is no well-formed XML ({where}: {error.getMessage()})") from None
    except (SAXException, ValueError, LookupError) as error:
        raise ReportIsBroken(f"it cannot be read ({error})") from None


def _local(name: str) -> str:
    """Without the prefix of a namespace."""
    return name.rpartition(":")[2]


def _attribute(attrs: AttributesImpl, name: str) -> str:
    return str(attrs.get(name, ""))[:MAX_ATTRIBUTE]


def _seconds(text: str) -> float | None:
    """Some tools write thousands with commas."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
