"""build.sh: what it promises of its verbs, without building anything anew."""
import resource
from pathlib import Path

import pytest

from conftest import ROOT, needs, run

BUILD = ROOT / "build.sh"
VERBS = ("build", "generate", "test", "run", "bench", "format", "pack", "clean", "help")
SCRIPTS = sorted([BUILD, ROOT / ".ci/run", *(ROOT / "tools").glob("*.sh")])


def test_help_names_every_verb():
    text = run(BUILD, "help").stdout
    for verb in VERBS:
        assert f"\n  {verb}" in text, verb


def test_unknown_verb_is_refused():
    done = run(BUILD, "bild", check=False)
    assert done.returncode != 0 and "'bild'" in done.stderr


def test_unknown_suite_is_refused():
    done = run(BUILD, "test", "nativ", check=False)
    assert done.returncode != 0 and "'nativ'" in done.stderr and "native" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(script):
    run("bash", "-n", script)


def test_scripts_pass_shellcheck():
    shellcheck = needs("shellcheck", "the Debian package shellcheck has it")
    run(shellcheck, "-x", *SCRIPTS, cwd=ROOT)


def processor_seconds():
    """Of the processes run from here that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_second_build_is_quick():
    """Nothing is installed or rebuilt the second time: under 3 s before the real work starts. Processor time is what counts, because
    other suites run beside this one."""
    run(BUILD, "build", timeout=1800)
    start = processor_seconds()
    done = run(BUILD, "build")
    took = processor_seconds() - start
    assert took < 3, f"{took:.1f} s\n{done.stdout}"
    for word in ("installing", "configuring", "assembling", "publishing", "Building"):
        assert word not in done.stdout


def test_bindings_are_up_to_date():
    needs("dotnet", "the generator is a C# program")
    run(BUILD, "generate", "--check")


def missing_of(*packages):
    """tools/dependencies.sh's view of these packages."""
    script = f'. "{ROOT}/tools/common.sh"; . "{ROOT}/tools/dependencies.sh"; missing_of "$@"'
    return run("bash", "-c", script, "-", *packages).stdout.split()


def test_missing_packages_are_found():
    needs("dpkg-query", "packages are Debian's")
    assert missing_of("libc6", "no-such-package-1", "no-such-package-2") == ["no-such-package-1", "no-such-package-2"]


def packages_of(*groups):
    script = f'. "{ROOT}/tools/common.sh"; . "{ROOT}/tools/dependencies.sh"; packages_of "$@"'
    return run("bash", "-c", script, "-", *groups).stdout.split()


def test_package_groups():
    assert "libdnnl-dev" in packages_of("build") and "libgtest-dev" not in packages_of("build")
    assert {"cmake", "libgtest-dev", "clang-14"} <= set(packages_of("build", "test", "fuzz"))
    assert not [name for name in packages_of("build", "test", "fuzz", "pack") if name.startswith(("#", "["))]


def test_without_sdk_the_rest_is_built(tmp_path):
    """No dotnet in PATH: the native part is built and what is left out is said."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            link = tools / program.name
            if program.name != "dotnet" and not link.exists():
                link.symlink_to(program)
    done = run(BUILD, "build", env={"PATH": str(tools), "HOME": str(tmp_path)})
    assert "no .NET SDK" in done.stderr
    assert (ROOT / "artifacts/lib/libwhispertrt.so").exists()


def test_powershell_entry_has_the_same_verbs():
    pwsh = needs("pwsh", "PowerShell is not in Debian's packages, and the package registry here does not have its tool package")
    assert run(pwsh, ROOT / "build.ps1", "help").stdout == run(BUILD, "help").stdout
    done = run(pwsh, ROOT / "build.ps1", "bild", check=False)
    assert done.returncode != 0 and "'bild'" in done.stderr


def test_powershell_entry_calls_build_sh():
    """What can be checked without pwsh: it hands everything on and repeats no step."""
    lines = [line for line in (ROOT / "build.ps1").read_text().splitlines() if line and not line.startswith("#")]
    assert "& (Join-Path $PSScriptRoot 'build.sh') @args" in lines and "exit $LASTEXITCODE" in lines
    assert len(lines) < 12
