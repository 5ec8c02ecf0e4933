"""artifacts/ is self-contained: it runs where there is nothing but glibc and the .NET runtime."""
import os
import re
import shutil
from pathlib import Path

import pytest

from conftest import ARTIFACTS, RECORDING, ROOT, SAID, clean_environment, needs, run, words

GLIBC = re.compile(r"^(ld-linux.*|libc|libm|libdl|libpthread|librt|libresolv|libutil|libanl|libmvec)\.so\.\d+$|^ld-linux")
FFMPEG = re.compile(r"^(libav|libsw|libpostproc)")
LIB = ARTIFACTS / "lib"


def libraries():
    return sorted(path for path in LIB.glob("*.so*") if path.is_file() and not path.is_symlink())


def elf(option, path):
    return run("patchelf", option, path).stdout.split()


def test_libraries_find_each_other():
    names = {path.name for path in LIB.glob("*.so*")}
    assert "libwhispertrt.so" in names and "libdnnl.so.2" in names and "libsndfile.so.1" in names
    for path in libraries():
        assert elf("--print-rpath", path) == ["$ORIGIN"], path.name
        for needed in elf("--print-needed", path):
            allowed = GLIBC.match(needed) or needed in names
            assert allowed or (path.name == "libwhispertrt_ffmpeg.so" and FFMPEG.match(needed)), f"{path.name} needs {needed}"


def test_ffmpeg_is_not_bundled():
    assert not [path.name for path in ARTIFACTS.rglob("*.so*") if FFMPEG.match(path.name)]
    assert (LIB / "libwhispertrt_ffmpeg.so").exists()


def test_every_bundled_library_has_its_notice():
    notices = ARTIFACTS / "notices"
    rows = [line.split("\t") for line in (notices / "BUNDLED.tsv").read_text().splitlines()]
    assert {row[0] for row in rows} == {path.name for path in libraries() if not path.name.startswith("libwhispertrt")}
    for _, package, version in rows:
        assert version and (notices / f"{package}.copyright").stat().st_size > 0
    for name in ("LICENSE", "THIRD-PARTY-NOTICES.md", "third_party/zlib/LICENSE", "common-licenses/LGPL-2.1",
                 "common-licenses/Apache-2.0"):
        assert (notices / name).exists(), name


def test_notices_name_what_is_bundled():
    """THIRD-PARTY-NOTICES.md is written by hand: a library that joins the bundle must be added there."""
    text = (ROOT / "THIRD-PARTY-NOTICES.md").read_text().lower()
    for path in libraries():
        name = re.match(r"lib([a-z]+)", path.name.lower()).group(1)
        known = {"dnnl": "onednn", "mp": "mpg123" if "mpg" in path.name else "lame", "gcc": "libgcc", "stdc": "libstdc++",
                 "vorbisenc": "vorbis", "whispertrt": "whispertrt"}
        assert known.get(name, name) in text, path.name


def test_notices_name_every_dotnet_package(cli):
    """What the command line is published with, beside our own assemblies."""
    text = (ROOT / "THIRD-PARTY-NOTICES.md").read_text()
    for path in (ARTIFACTS / "bin").glob("*.dll"):
        if path.stem.lower() not in ("whispertrt", "whispertrt.net"):
            assert path.stem in text, path.name


def test_starts_from_anywhere(cli, tmp_path):
    done = run(cli, "transcribe", RECORDING, "--output_dir", tmp_path, cwd=tmp_path, env=clean_environment())
    assert SAID in words(done.stdout), done.stdout
    assert words((tmp_path / "reader.txt").read_text()) == SAID


def test_starts_through_a_link(cli, tmp_path):
    link = tmp_path / "wtrt"
    link.symlink_to(cli)
    assert run(link, "--version", cwd="/", env=clean_environment()).stdout.strip()


def glibc_files():
    """The run-time files of Debian's libc6."""
    listed = run("dpkg-query", "-L", "libc6").stdout.split()
    real = {Path("/usr" + name if name.startswith("/lib") else name) for name in listed}
    return sorted(path for path in real if path.is_file() and ".so" in path.name)


def namespace_command():
    """A command prefix that gives its child mounts of its own: as root, or in a user namespace."""
    needs("unshare", "the test runs in a root of its own")
    command = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--user", "--map-root-user"]
    tried = run(*command, "true", check=False)
    if tried.returncode != 0:
        pytest.skip(f"{' '.join(command)}: {tried.stderr.strip()}")
    return command


def copy_into(root, path):
    target = root / str(path)[1:]
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


@pytest.fixture(scope="module")
def bare_root(tmp_path_factory):
    """A root with glibc, the .NET runtime, artifacts/ and recordings; no shell, no other library."""
    needs("dotnet", "the command line needs the .NET runtime")
    root = tmp_path_factory.mktemp("isolated") / "root"
    for folder in ("usr/lib", "usr/lib64", "tmp", "proc", "dev"):
        (root / folder).mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (root / "lib64").symlink_to("usr/lib64")
    for path in glibc_files():
        copy_into(root, path)
    shutil.copy2("/lib64/ld-linux-x86-64.so.2", root / "usr/lib64")
    dotnet = Path(os.path.realpath(shutil.which("dotnet"))).parent
    for part in ("host", "shared/Microsoft.NETCore.App"):
        shutil.copytree(dotnet / part, root / "usr/share/dotnet" / part, symlinks=True)
    shutil.copytree(ARTIFACTS, root / "opt/whispertrt", symlinks=True, ignore=shutil.ignore_patterns("packages"))
    for recording in ("reader.flac", "market.m4a"):
        shutil.copy2(ROOT / "samples" / recording, root / "tmp")
    return root


def in_root(root, *command):
    """Runs a command whose root folder is `root`; the kernel's /proc and /dev are there, nothing else of this machine."""
    script = 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
    environment = {"DOTNET_ROOT": "/usr/share/dotnet", "HOME": "/tmp", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return run(*namespace_command(), "sh", "-c", script, root, *command, env=environment, check=False)


def test_the_root_is_bare(bare_root):
    """What the next tests stand on: beside .NET's and ours, that root has no library but glibc's."""
    outside = [path.relative_to(bare_root) for path in bare_root.rglob("*.so*")]
    foreign = {path.name for path in outside if path.parts[0] != "opt" and path.parts[:3] != ("usr", "share", "dotnet")}
    assert "libc.so.6" in foreign and foreign <= {path.name for path in glibc_files()}
    assert not [name for name in foreign if name.startswith(("libstdc++", "libgcc_s", "libgomp"))]


def test_runs_with_glibc_and_dotnet_alone(bare_root):
    done = in_root(bare_root, "/opt/whispertrt/whispertrt", "transcribe", "/tmp/reader.flac", "--output_dir", "/tmp")
    assert done.returncode == 0 and SAID in words(done.stdout), done.stdout + done.stderr
    assert words((bare_root / "tmp/reader.txt").read_text()) == SAID


def test_without_ffmpeg_the_error_names_the_container(bare_root):
    done = in_root(bare_root, "/opt/whispertrt/whispertrt", "transcribe", "/tmp/market.m4a", "--output_dir", "/tmp")
    message = done.stdout + done.stderr
    assert done.returncode != 0 and "market.m4a" in message and "libavformat" in message, message
