"""./build.sh pack: each package installs and transcribes where there is nothing of this repository."""
import subprocess
import tarfile
import zipfile

import pytest

from conftest import ARTIFACTS, MODEL, RECORDING, ROOT, SAID, clean_environment, run, words

PACKAGES = ARTIFACTS / "packages"

# The package over the other brings it, and the native libraries with it.
PROGRAM = """
using Microsoft.Extensions.AI;
using WhisperTrt;
using var model = WhisperModel.Load(args[0]);
await using var engine = model.CreateEngine();
Console.WriteLine((await engine.TranscribeToEndAsync(Audio.FromFile(args[1]))).Text);
using var file = File.OpenRead(args[1]);
Console.WriteLine((await engine.AsISpeechToTextClient().GetTextAsync(file)).Text);
"""

PROJECT = """
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <RestoreAdditionalProjectSources>{packages}</RestoreAdditionalProjectSources>
    <RestorePackagesPath>{cache}</RestorePackagesPath>
    <NuGetAudit>false</NuGetAudit>
    <NoWarn>MEAI001</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="WhisperTrt.Extensions.AI" Version="{version}" />
  </ItemGroup>
</Project>
"""


@pytest.fixture(scope="module")
def packages():
    run(ROOT / "build.sh", "pack", timeout=1200)
    return PACKAGES


def only(pattern):
    found = sorted(PACKAGES.glob(pattern))
    assert len(found) == 1, found
    return found[0]


def test_wheel(packages, tmp_path):
    with zipfile.ZipFile(only("*.whl")) as wheel:
        assert wheel.testzip() is None
        names = wheel.namelist()
        wheel.extractall(tmp_path)
    listed = next(tmp_path.glob("*.dist-info/RECORD")).read_text().splitlines()
    assert {line.split(",")[0] for line in listed} == set(names)
    assert "\nProvides-Extra: numpy\n" in next(tmp_path.glob("*.dist-info/METADATA")).read_text()  # as pyproject.toml has it
    script = "import sys, whispertrt; print(whispertrt.transcribe(sys.argv[2], model=sys.argv[1]).text)"
    done = run("/usr/bin/python3", "-c", script, MODEL, RECORDING, cwd=tmp_path, env=clean_environment(PYTHONPATH=str(tmp_path)))
    assert words(done.stdout) == SAID


def test_nuget_packages(packages, dotnet, tmp_path):
    package = only("WhisperTrt.Net.*.nupkg")
    with zipfile.ZipFile(package) as content:
        names = content.namelist()
    natives = {name.rsplit("/", 1)[1] for name in names if name.startswith("runtimes/linux-x64/native/")}
    assert natives == {path.name for path in (ARTIFACTS / "lib").glob("*.so*")}
    notices = {f"notices/{path.relative_to(ARTIFACTS / 'notices')}" for path in (ARTIFACTS / "notices").rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith("notices/")} == notices and "notices/BUNDLED.tsv" in notices
    version = package.name.removeprefix("WhisperTrt.Net.").removesuffix(".nupkg")
    with zipfile.ZipFile(only("WhisperTrt.Extensions.AI.*.nupkg")) as content:
        specification = content.read("WhisperTrt.Extensions.AI.nuspec").decode()
        assert not any(".so" in name for name in content.namelist()), content.namelist()
    assert f'<dependency id="WhisperTrt.Net" version="{version}"' in specification, specification
    (tmp_path / "use.csproj").write_text(PROJECT.format(packages=packages, cache=tmp_path / "cache", version=version))
    (tmp_path / "Program.cs").write_text(PROGRAM)
    for name in ("Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props"):
        (tmp_path / name).write_text("<Project />")  # those of a folder above must not count
    done = run(dotnet, "run", "--project", tmp_path, "--", MODEL, RECORDING, cwd=tmp_path, env=clean_environment())
    assert words(done.stdout) == f"{SAID} {SAID}"


def test_tar(packages, dotnet, tmp_path):
    with tarfile.open(only("*.tar.gz")) as tar:
        tar.extractall(tmp_path)
    program = next(tmp_path.glob("whispertrt-*/whispertrt"))
    done = subprocess.run([program, "transcribe", RECORDING, "--output_dir", tmp_path], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, env=clean_environment(), cwd=tmp_path)
    assert SAID in words(done.stdout), done.stdout + done.stderr
