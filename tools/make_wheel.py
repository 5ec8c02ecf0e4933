#!/usr/bin/env python3
"""Writes a wheel of the Python package with its native libraries. usage: tools/make_wheel.py ARTIFACTS OUTPUT

A wheel is a zip with four text files of metadata; written here, so that no build tool has to be installed.
"""
import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TAG = "py3-none-manylinux_2_36_x86_64"  # glibc of Debian 12


def version():
    return re.search(r'__version__ = "(.+)"', (ROOT / "bindings/python/whispertrt/__init__.py").read_text()).group(1)


def contents(artifacts, info):
    """Name in the wheel and bytes of every file but RECORD."""
    for path in sorted((artifacts / "python" / "whispertrt").rglob("*")):
        if path.is_file() and path.suffix in (".py", ".typed", ".pyi"):
            yield f"whispertrt/{path.relative_to(artifacts / 'python' / 'whispertrt')}", path.read_bytes()
    for path in sorted((artifacts / "lib").glob("*.so*")):
        yield f"whispertrt/lib/{path.name}", path.read_bytes()
    for path in sorted((artifacts / "notices").rglob("*")):
        if path.is_file():
            yield f"{info}/licenses/{path.relative_to(artifacts / 'notices')}", path.read_bytes()
    yield f"{info}/METADATA", (f"Metadata-Version: 2.1\nName: whispertrt\nVersion: {version()}\nSummary: Speech to text with Whisper "
                               "models\nLicense: Apache-2.0\nRequires-Python: >=3.9\nProvides-Extra: numpy\n"
                               "Requires-Dist: numpy; extra == 'numpy'\n").encode()
    yield f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: whispertrt\nRoot-Is-Purelib: false\nTag: {TAG}\n".encode()


def record(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def main():
    artifacts, output = Path(sys.argv[1]), Path(sys.argv[2])
    info = f"whispertrt-{version()}.dist-info"
    records = ""
    with zipfile.ZipFile(output / f"whispertrt-{version()}-{TAG}.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in contents(artifacts, info):
            entry = zipfile.ZipInfo(name)  # a fixed date: the same content gives the same bytes
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
            records += record(name, data)
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD"), records + f"{info}/RECORD,,\n")


if __name__ == "__main__":
    main()
