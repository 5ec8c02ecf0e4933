"""The header alone, and the built library against it."""

import json
import re

import pytest
from abi_tools import compiler, run

C11 = ["-xc", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
CXX17 = ["-xc++", "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]


@pytest.mark.parametrize(
    "compilers, flags",
    [
        (["gcc"], C11),
        (["clang", "clang-14"], C11),
        (["g++"], CXX17),
        (["clang++", "clang++-14"], CXX17),
    ],
    ids=["gcc-c11", "clang-c11", "g++-c++17", "clang++-c++17"],
)
def test_header_compiles_alone(header, tmp_path, compilers, flags):
    source = tmp_path / "alone.c"
    source.write_text("#include <whispertrt/whispertrt.h>\n#include <whispertrt/whispertrt.h>\nint one_declaration;\n")
    run(compiler(*compilers), *flags, "-I", header.parent.parent, source)


def test_library_exports_exactly_the_functions_of_the_header(library_path, manifest):
    lines = run(compiler("nm"), "-D", "--defined-only", library_path).splitlines()
    # A is a version node, as --version-script makes them; everything else is something a program could bind to.
    exported = {line.split()[-1].split("@")[0] for line in lines if " A " not in line}
    assert exported == set(manifest["functions"])


def test_c_layouts_equal_the_manifest(header, manifest, tmp_path):
    source = tmp_path / "layout.c"
    source.write_text(layout_program(manifest))
    program = tmp_path / "layout"
    run(compiler("gcc", "clang", "clang-14"), "-std=c11", "-I", header.parent.parent, source, "-o", program)
    measured = json.loads(run(program))
    assert measured["constants"] == manifest["constants"]
    for name, layout in manifest["structs"].items():
        expected = {field: [value["offset"], value["size"]] for field, value in layout["fields"].items()}
        assert measured["structs"][name] == {"size": layout["size"], "alignment": layout["alignment"], "fields": expected}, name


def layout_program(manifest):
    """A C program that prints sizes, offsets and constants as the compiler has them."""
    lines = ["#include <whispertrt/whispertrt.h>", "#include <stdio.h>", "int main(void) {", 'printf("{\\"structs\\": {");']
    separator = ""
    for name, layout in manifest["structs"].items():
        lines.append(f'printf("{separator}\\"{name}\\": {{\\"size\\": %zu, \\"alignment\\": %zu, \\"fields\\": {{",'
                     f" sizeof({name}), _Alignof({name}));")
        inner = ""
        for field in layout["fields"]:
            lines.append(f'printf("{inner}\\"{field}\\": [%zu, %zu]", offsetof({name}, {field}), sizeof((({name}*)0)->{field}));')
            inner = ", "
        lines.append('printf("}}");')
        separator = ", "
    lines.append('printf("}, \\"constants\\": {");')
    separator = ""
    for name in manifest["constants"]:
        lines.append(f'printf("{separator}\\"{name}\\": %d", {name});')
        separator = ", "
    return "\n".join(lines + ['printf("}}\\n");', "return 0;", "}"]) + "\n"


def test_manifest_signatures_are_those_of_the_header(header, manifest, tmp_path):
    """Each signature of the manifest, declared again beside the header: a C compiler refuses any that differs."""
    declarations = "\n".join(f"{signature};" for signature in manifest["functions"].values())
    source = tmp_path / "again.c"
    source.write_text(f"#include <whispertrt/whispertrt.h>\n{declarations}\n")
    run(compiler("gcc", "clang", "clang-14"), *C11, "-I", header.parent.parent, source)


def test_manifest_names_every_function_of_the_header(header, manifest):
    """A second, much simpler reader than the generator's."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    declared = set(re.findall(r"^WTRT_API\s[^;]*?\b(wtrt_\w+)\(", text, flags=re.MULTILINE))
    assert declared == set(manifest["functions"])
    assert set(re.findall(r"#define (WTRT_\w+) +[(\d]", text)) == set(manifest["constants"])
