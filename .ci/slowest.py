"""Print the slowest tests of a JUnit file: where the time of a run went."""

import sys
from xml.etree import ElementTree

SHOWN = 15


def main(path: str) -> None:
    root = ElementTree.parse(path).getroot()  # noqa: S314  our own test runner wrote it
    timed = sorted(
        (float(case.get("time", "0")), f"{case.get('classname')}.{case.get('name')}")
        for case in root.iter("testcase")
    )
    sys.stdout.write(f"── the slowest of {len(timed)} tests:\n")
    for seconds, name in reversed(timed[-SHOWN:]):
        sys.stdout.write(f"   {seconds:7.1f} s  {name}\n")


if __name__ == "__main__":
    main(sys.argv[1])
