"""The sources are as the formatters leave them."""
import pytest

from conftest import ROOT, needs, run


def test_formatters_change_nothing():
    if not (ROOT / ".git").exists():
        pytest.skip("which files are sources is git's to say, and this is no checkout")
    needs("clang-format-14", "it formats C and C++")
    run(ROOT / "build.sh", "format", "--check")
