"""The generated Python module against the manifest, and how it treats a library of another ABI."""

import ctypes

import pytest
from abi_tools import compiler, run
from whispertrt import _abi, _errors


def structure_name(c_name):
    return "".join(word.capitalize() for word in c_name.split("_")[1:])


def test_ctypes_layouts_equal_the_manifest(manifest):
    for name, layout in manifest["structs"].items():
        structure = getattr(_abi, structure_name(name))
        assert ctypes.sizeof(structure) == layout["size"], name
        fields = {field: (getattr(structure, field).offset, getattr(structure, field).size) for field, *_ in structure._fields_}
        assert fields == {field: (value["offset"], value["size"]) for field, value in layout["fields"].items()}, name


def test_constants_equal_the_manifest(manifest):
    for name, value in manifest["constants"].items():
        assert getattr(_abi, name[len("WTRT_"):]) == value, name


def test_every_function_is_bound_with_as_many_arguments(manifest):
    assert set(_abi.SIGNATURES) == set(manifest["functions"])
    for name, signature in manifest["functions"].items():
        inside = signature[signature.index("(") + 1 : -1]
        assert len(_abi.SIGNATURES[name][1]) == (0 if inside == "void" else inside.count(",") + 1), name


def test_every_function_has_a_documented_method(manifest):
    for name in manifest["functions"]:
        if not name.startswith("wtrt_error_"):
            assert getattr(_abi.Library, name[len("wtrt_"):]).__doc__, name


def test_every_handle_has_a_class_that_releases_it(manifest):
    for name in manifest["handles"]:
        if name != "wtrt_error":
            assert getattr(_abi, structure_name(name) + "Handle")._release_function == name + "_release"


def test_every_error_code_has_a_class(manifest):
    codes = {value for name, value in manifest["constants"].items() if name.startswith("WTRT_ERROR_")}
    assert codes == set(_errors.ERROR_CLASSES)


@pytest.mark.parametrize(
    "body, message",
    [
        ("unsigned wtrt_abi_version(void) { return 2u * 65536u; }", "has ABI 2.0"),
        ("unsigned wtrt_abi_version(void) { return 0; }", "has ABI 0.0"),
        ("int something_else;", "no WhisperTrt library"),
    ],
    ids=["newer-major", "older-major", "another-library"],
)
def test_library_of_another_abi_is_refused(tmp_path, body, message):
    source = tmp_path / "other.c"
    source.write_text(body + "\n")
    path = tmp_path / "libother.so"
    run(compiler("gcc", "clang", "clang-14"), "-shared", "-fPIC", source, "-o", path)
    with pytest.raises(_errors.AbiMismatchError, match=message) as raised:
        _abi.Library(path)
    assert raised.value.code == _abi.ERROR_ABI_MISMATCH
