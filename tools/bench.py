#!/usr/bin/env python3
"""Runs the programs of bench/ and shows what they print: compiled ones one JSON object per line, scripts tables and one document.

With --record, docs/figures/NAME.json keeps the lines with the machine they were measured on, or the script's document, and
docs/figures/README.md shows all of them as tables. usage: tools/bench.py [--record] [--whisper-cpp DIR] [NAME...]
"""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"


def programs():
    """Name and command of every benchmark: compiled ones, and scripts."""
    found = {path.name.removesuffix("_bench"): [str(path)] for path in (ROOT / "build/release/bin").glob("*_bench")}
    scripts = [path for path in (ROOT / "bench").glob("*.py") if not path.name.startswith("_")]
    found |= {path.stem: [sys.executable, str(path)] for path in scripts}
    return dict(sorted(found.items()))


def processor():
    fields = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    flags = [flag for flag in wanted if flag in fields.get("flags", "").split()]
    return {"cpu": fields.get("model name", platform.machine()), "cpu_flags": flags, "cores": len(os.sched_getaffinity(0))}


def commit():
    done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip()


def today():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def measure(command):
    """The objects a benchmark prints, shown as they come; None when it failed."""
    rows = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("{"):
                rows.append(json.loads(line))
    return rows if process.returncode == 0 else None


def record(name, rows):
    FIGURES.mkdir(parents=True, exist_ok=True)
    document = next((row for row in rows if "tables" in row), None)  # a script's, which says where and when itself
    figure = document or {"bench": name, "date": today(), "commit": commit(), "machine": processor(), "rows": rows}
    (FIGURES / f"{name}.json").write_text(json.dumps(figure, indent=1, ensure_ascii=False) + "\n")


def cell(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False).replace("|", "\\|")
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    return str(value).replace("|", "\\|")


def table(columns, lines):
    shown = [f"| {' | '.join(line)} |" for line in [columns, ["---"] * len(columns), *lines]]
    return "\n".join(shown)


def tables_of(document):
    """What a script's document holds: its question, its tables, its notes."""
    yield f"{document['question']} {document['threads']} threads; load average at the start {document['load_average_at_start'][0]}."
    for part in document["tables"]:
        yield f"**{part['title']}**\n\n" + table(part["columns"], [[cell(value) for value in row] for row in part["rows"]])
    if document["notes"]:
        yield "\n".join(f"- {note}" for note in document["notes"])


def tables(rows):
    """One table per set of keys, so that rows of different kinds stay readable."""
    kinds = {}
    for row in rows:
        keys = tuple(key for key in row if key != "bench")
        kinds.setdefault(keys, []).append([cell(row[key]) for key in keys])
    for keys, lines in kinds.items():
        yield table(keys, lines)


def write_tables():
    """docs/figures/README.md from every recorded figure."""
    parts = ["# Figures\n\nMeasured by `./build.sh bench --record`, which writes this file; do not edit it.\n"]
    for path in sorted(FIGURES.glob("*.json")):
        figure = json.loads(path.read_text())
        machine = figure.get("machine", {})
        parts.append(f"## {figure.get('bench', path.stem)}\n\n{machine.get('cpu', 'unknown CPU')}, {machine.get('cores', '?')} cores, "
                     f"{' '.join(machine.get('cpu_flags', []))}; commit {figure.get('commit', 'unknown')}, "
                     f"{figure.get('date', 'undated')}.\n")
        shown = tables_of(figure) if "tables" in figure else tables(figure.get("rows", []))
        parts += [part + "\n" for part in shown]
    (FIGURES / "README.md").write_text("\n".join(parts))


def main():
    arguments = argparse.ArgumentParser(description="Runs the benchmarks.")
    arguments.add_argument("--record", action="store_true", help="write docs/figures/")
    arguments.add_argument("--whisper-cpp", action="append", default=[], help="folder of whisper.cpp's program and models, for the speed beside it")
    arguments.add_argument("names", nargs="*", help="which of them; all by default")
    options = arguments.parse_args()
    known = programs()
    unknown = [name for name in options.names if name not in known]
    if unknown:
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(known)}")
    for folder in options.whisper_cpp:
        known["speed"] += ["--whisper-cpp", str(Path(folder).absolute())]
    failed = []
    for name in options.names or known:
        print(f"== {name}", file=sys.stderr, flush=True)
        rows = measure(known[name])
        if rows is None:
            failed.append(name)
        elif options.record and rows:  # without: there was nothing to measure here, and the figures of another machine stay
            record(name, rows)
    if options.record:
        write_tables()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
