"""tools/count_tests.py: what is missing counts as failed, never as nothing."""
import sys

import pytest

from conftest import ROOT, run

JUNIT = """<testsuites><testsuite>
<testcase classname="A" name="one" status="run" result="completed"/>
<testcase classname="A" name="two" status="run" result="skipped"><skipped message="needs a thing"/></testcase>
<testcase classname="A" name="off" status="notrun" result="suppressed"/>
{more}</testsuite></testsuites>"""
FAILURE = '<testcase classname="A" name="three"><failure message="1 is not 2"/></testcase>'
TRX = """<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
<UnitTestResult testName="x" outcome="Passed"/><UnitTestResult testName="y" outcome="Passed"/>
<UnitTestResult testName="z" outcome="NotExecuted"><Output><ErrorInfo><Message>no model</Message></ErrorInfo></Output></UnitTestResult>
{more}</Results></TestRun>"""


@pytest.fixture
def reports(tmp_path):
    def write(suite, **files):
        folder = tmp_path / suite
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(content)
        return tmp_path
    return write


def count(folder):
    done = run(sys.executable, ROOT / "tools" / "count_tests.py", folder, check=False)
    return done.returncode, done.stdout.splitlines()


def test_sums_over_suites(reports):
    reports("native", a__exit="0", a__xml=JUNIT.format(more=""))
    code, lines = count(reports("dotnet", b__exit="0", b__trx=TRX.format(more="")))
    assert code == 0 and lines[-1] == "3 passed, 0 failed, 2 skipped"
    assert "skipped native: needs a thing" in lines and "skipped dotnet: no model" in lines


def test_failure_is_shown_and_fails(reports):
    code, lines = count(reports("native", a__exit="1", a__xml=JUNIT.format(more=FAILURE)))
    assert code == 1 and lines[-1] == "1 passed, 1 failed, 1 skipped"
    assert "failed  native: A.three: 1 is not 2" in lines


@pytest.mark.parametrize("files", [
    {"a__exit": "139"},                                            # died before it left a report
    {"a__exit": "139", "a__xml": JUNIT.format(more="")},           # died after it
    {"a__exit": "0"},                                              # claims success without a report
    {"a__exit": "0", "a__xml": "<testsuites"},                     # a damaged report
    {"a__exit": "0", "a__xml": "<testsuites/>"},                   # a report of nothing
    {"a__exit": "5", "a__xml": "<testsuites><testsuite/></testsuites>"},  # pytest that found no tests
])
def test_gap_is_a_failure(reports, files):
    code, lines = count(reports("native", **files))
    assert code == 1 and " 1 failed" in lines[-1]


def test_sum_of_no_tests_fails(reports):
    code, lines = count(reports("dotnet", all__skip="no SDK"))
    assert code == 1 and lines[-1] == "0 passed, 0 failed, 1 skipped"
    assert "skipped dotnet: no SDK" in lines
