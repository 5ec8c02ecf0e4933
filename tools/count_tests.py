#!/usr/bin/env python3
"""Sums up build/reports: one line per suite, every failure and skip with its reason, last the totals.

A report folder holds per suite a folder with, for each program NAME, `NAME.exit` (its exit code) and its report:
`NAME.xml` (JUnit, as GoogleTest and pytest write it) or `NAME.trx` (dotnet test). A program that failed and whose report
is missing, or names no failure, counts as one failed test. `all.skip` says why a whole suite did not run.
Exits with 1 when anything failed or nothing ran.
"""
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

TRX = "{http://microsoft.com/schemas/VisualStudio/TeamTest/2010}"


def junit_tests(path):
    """(name, outcome, message) of each test case."""
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}"
        failures = case.findall("failure") + case.findall("error")
        skipped = case.find("skipped")
        if failures:
            yield name, "failed", failures[0].get("message") or failures[0].text or ""
        elif skipped is not None or case.get("result") == "skipped":
            yield name, "skipped", (skipped.get("message") or skipped.text or "") if skipped is not None else ""
        elif case.get("status") != "notrun":
            yield name, "passed", ""


def trx_tests(path):
    for result in ET.parse(path).getroot().iter(TRX + "UnitTestResult"):
        outcome = {"Passed": "passed", "NotExecuted": "skipped"}.get(result.get("outcome"), "failed")
        message = result.find(f"{TRX}Output/{TRX}ErrorInfo/{TRX}Message")
        if message is None:
            message = result.find(f"{TRX}Output/{TRX}StdOut")
        yield result.get("testName"), outcome, message.text if message is not None else ""


def program_tests(exit_file):
    code = int(exit_file.read_text())
    tests, reason = [], "it left no report"
    for extension, reader in ((".xml", junit_tests), (".trx", trx_tests)):
        report = exit_file.with_suffix(extension)
        if report.exists():
            try:
                tests = list(reader(report))
                reason = "its report names no failure" if tests else "its report is empty"
            except ET.ParseError as error:
                reason = f"its report is damaged: {error}"
    if not any(outcome == "failed" for _, outcome, _ in tests) and (code != 0 or not tests):
        tests.append((exit_file.stem, "failed", f"exit code {code}; {reason}"))
    return tests


def suite_tests(folder):
    tests = [test for exit_file in sorted(folder.glob("*.exit")) for test in program_tests(exit_file)]
    skip = folder / "all.skip"
    if skip.exists():
        tests.append(("the whole suite", "skipped", skip.read_text()))
    return tests


def first_lines(message, most=6):
    lines = [line.strip() for line in (message or "").strip().splitlines() if line.strip()]
    return " | ".join(lines[:most])[:600] or "no reason given"


def totals(counts):
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    return line + (f", {counts['skipped']} skipped" if counts["skipped"] else "")


def main():
    sums, skips, failures = Counter(), Counter(), []
    print("\n== results")
    for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
        counts = Counter()
        for name, outcome, message in suite_tests(folder):
            counts[outcome] += 1
            if outcome == "failed":
                failures.append(f"failed  {folder.name}: {name}: {first_lines(message)}")
            elif outcome == "skipped":
                skips[f"skipped {folder.name}: {first_lines(message, 2)}"] += 1
        print(f"{folder.name}: {totals(counts)}")
        sums += counts
    for reason, count in skips.items():
        print(f"{reason} ({count}×)" if count > 1 else reason)
    for failure in failures:
        print(failure)
    print(totals(sums))
    return 1 if sums["failed"] or not sums["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
