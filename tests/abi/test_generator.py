"""The generator: repeatable, up to date, and strict about the header's rules."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
#ifndef SMALL_H
#define SMALL_H
#include <stdint.h>
#define WTRT_API
/** Major. */
#define WTRT_ABI_MAJOR 1
/** Minor. */
#define WTRT_ABI_MINOR 0
/** An error. */
typedef struct wtrt_error wtrt_error;
/** A thing. */
typedef struct wtrt_thing wtrt_thing;
WTRT_API void wtrt_error_release(wtrt_error* error);
WTRT_API void wtrt_thing_release(wtrt_thing* thing);
%s
#endif
"""

BREACHES = {
    "undocumented function": ("WTRT_API wtrt_error* wtrt_act(wtrt_thing* thing);", "wtrt_act has no doc comment"),
    "undocumented constant": ("#define WTRT_NUMBER 3", "WTRT_NUMBER has no doc comment"),
    "constant that is no integer": ("/** Text. */\n#define WTRT_NAME \"x\"", "WTRT_NAME is a macro that is no integer"),
    "function-like macro": ("/** Sum. */\n#define WTRT_ADD(a, b) ((a) + (b))", "WTRT_ADD is a macro that is no integer"),
    "undocumented field": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; int32_t number; } wtrt_a;",
        "wtrt_a.number has no doc comment",
    ),
    "undocumented handle": ("typedef struct wtrt_b wtrt_b;\nWTRT_API void wtrt_b_release(wtrt_b* b);", "wtrt_b has no doc comment"),
    "handle without release": ("/** B. */\ntypedef struct wtrt_b wtrt_b;", "is a handle without wtrt_b_release"),
    "struct without its size": (
        "/** A. */\ntypedef struct wtrt_a { /** N. */ int32_t number; } wtrt_a;",
        "wtrt_a does not begin with `uint32_t struct_size`",
    ),
    "bool field": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; /** F. */ _Bool flag; } wtrt_a;",
        "wtrt_a.flag is of type _Bool",
    ),
    "long field": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; int32_t reserved; /** N. */ long number; } wtrt_a;",
        "wtrt_a.number is of type long",
    ),
    "short field": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; /** N. */ int16_t number; int16_t reserved; } wtrt_a;",
        "wtrt_a.number is of type int16_t",
    ),
    "array field": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; /** N. */ int32_t numbers[3]; } wtrt_a;",
        "wtrt_a.numbers is of type",
    ),
    "pointer to mutable data in a struct": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; int32_t reserved; /** P. */ float* data; } wtrt_a;",
        "wtrt_a.data is of type float*",
    ),
    "padding at the end": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; int32_t reserved; /** D. */ double d; /** N. */ int32_t n; } wtrt_a;",
        "ends in 4 bytes of padding",
    ),
    "text field without size": (
        "/** A. */\ntypedef struct wtrt_a { uint32_t struct_size; int32_t reserved; /** T. */ const char* text; } wtrt_a;",
        "has the text text without an int64_t size",
    ),
    "text parameter without size": (
        "/** Act. */\nWTRT_API wtrt_error* wtrt_act(const char* name);",
        "has the text name without an int64_t size",
    ),
    "options without init": (
        "/** A. */\ntypedef struct wtrt_a_options { uint32_t struct_size; } wtrt_a_options;",
        "is an option struct without wtrt_a_options_init",
    ),
    "fallible function without error": (
        "/** Make. */\nWTRT_API int32_t wtrt_make(wtrt_thing** thing);",
        "returns int32_t though it can fail",
    ),
    "function returning a handle": ("/** Make. */\nWTRT_API wtrt_thing* wtrt_make(void);", "returns wtrt_thing* though it can fail"),
    "size_t parameter": ("/** Act. */\nWTRT_API wtrt_error* wtrt_act(const float* data, unsigned long size);", "takes size of type unsigned long"),
    "enum": ("/** E. */\nenum wtrt_kind { WTRT_KIND_A };", "is a declaration of a kind"),
    "union": ("/** U. */\nunion wtrt_u { int32_t a; float b; };", "is a declaration of a kind"),
    "variable": ("/** V. */\nextern int32_t wtrt_variable;", "is a declaration of a kind"),
    "inline function": ("/** F. */\nstatic inline int32_t wtrt_one(void) { return 1; }", "has a body"),
    "variadic function": ("/** F. */\nWTRT_API wtrt_error* wtrt_print(int32_t count, ...);", "variable or unknown number"),
    "two callbacks": (
        "/** A. */\ntypedef void (*wtrt_a)(void* context);\n/** B. */\ntypedef void (*wtrt_b)(void* context);",
        "is one callback too many",
    ),
    "foreign prefix": ("/** F. */\nWTRT_API wtrt_error* other_act(wtrt_thing* thing);", "other_act does not begin with wtrt_"),
    "syntax error": ("WTRT_API wtrt_error wtrt_act(;", "does not compile cleanly"),
}


@pytest.fixture(scope="session")
def generator():
    dotnet = shutil.which("dotnet")
    if dotnet is None:
        pytest.skip("no .NET SDK")
    project = ROOT / "bindings" / "generator"
    built = subprocess.run(
        [dotnet, "build", str(project), "-c", "Release", "--nologo", "-v", "quiet"], capture_output=True, text=True, timeout=600
    )
    assert built.returncode == 0, built.stdout + built.stderr
    program = project / "bin" / "Release" / "net10.0" / "whispertrt-generator.dll"

    def run(*arguments, environment=None):
        command = [dotnet, str(program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    probe = run()
    if "libclang was not found" in probe.stderr:
        pytest.skip("libclang is not installed")
    return run


def files_under(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_checked_in_files_are_up_to_date(generator):
    done = generator("--root", ROOT, "--check")
    assert done.returncode == 0, done.stderr


def test_second_run_changes_nothing(generator, header, tmp_path):
    first = generator("--header", header, "--root", tmp_path)
    assert first.returncode == 0, first.stderr
    before = files_under(tmp_path)
    second = generator("--header", header, "--root", tmp_path)
    assert "0 of 7 files changed" in second.stdout
    assert files_under(tmp_path) == before
    for name, content in before.items():
        assert (ROOT / name).read_bytes() == content, name


def test_check_names_what_differs_and_writes_nothing(generator, header, tmp_path):
    generator("--header", header, "--root", tmp_path)
    victim = tmp_path / "bindings" / "abi-manifest.json"
    victim.write_text("{}")
    done = generator("--header", header, "--root", tmp_path, "--check")
    assert done.returncode == 1
    assert "bindings/abi-manifest.json" in done.stderr and "NativeMethods" not in done.stderr
    assert victim.read_text() == "{}"


def test_small_header_that_keeps_the_rules_passes(generator, tmp_path):
    (tmp_path / "small.h").write_text(GOOD % "")
    done = generator("--header", tmp_path / "small.h", "--root", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", BREACHES)
def test_breach_is_refused_with_its_line(generator, tmp_path, name):
    code, message = BREACHES[name]
    (tmp_path / "small.h").write_text(GOOD % code)
    done = generator("--header", tmp_path / "small.h", "--root", tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "bindings").exists()


def test_missing_header_is_named(generator, tmp_path):
    done = generator("--header", tmp_path / "none.h", "--root", tmp_path)
    assert done.returncode == 2 and "none.h does not exist" in done.stderr


def test_missing_libclang_says_what_to_install(generator, header, tmp_path):
    import os

    environment = dict(os.environ, LIBCLANG_PATH=str(tmp_path / "libclang.so"))
    done = generator("--header", header, "--root", tmp_path, environment=environment)
    assert done.returncode == 2
    assert "libclang1-14" in done.stderr and "LIBCLANG_PATH" in done.stderr
