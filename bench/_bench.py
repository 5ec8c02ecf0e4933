"""What the measuring programs of this folder share: arguments, the machine, models and recordings, the document they print.

A program answers one question. It prints short tables and, as its last line, one JSON document with the same tables and the
machine, date, commit and versions they were measured with; `--out FILE` writes that document too.
"""

import argparse
import csv
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bindings" / "python"
BUNDLED_MODEL = ROOT / "models" / "whisper-tiny.en-int8"
COMMAND_LINE = ROOT / "artifacts" / "whispertrt"
SHARED = Path(os.environ.get("WTRT_SHARED") or ROOT.parent / "shared")

sys.path.insert(0, str(PACKAGE))


def arguments(description):
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the JSON document here too")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of models/ and speech/ ($WTRT_SHARED, default ../shared)")
    return parser


def names(text):
    return [name for name in text.split(",") if name]


def note(*what):
    print("  ..", *what, file=sys.stderr, flush=True)


# ---- the machine ----


def command_output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def cache_bytes():
    """Bytes of the last-level cache; 0 if unknown."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    return max((int(size.read_text().strip().rstrip("K")) * 1024 for size in sizes), default=0)


def machine():
    import whispertrt

    fields = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512vbmi", "avx512_bf16", "amx_int8", "amx_bf16")
    present = fields.get("flags", "").split()
    memory = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1]) // 1024
    return {
        "cpu": fields.get("model name", platform.machine()),
        "cpu_family": f"{fields.get('vendor_id')} family {fields.get('cpu family')} model {fields.get('model')}",
        "cpu_flags": [flag for flag in wanted if flag in present],
        "isa": whispertrt.doctor()["cpu"]["widest"],
        "cores": len(os.sched_getaffinity(0)),
        "last_level_cache_kib": cache_bytes() // 1024,
        "memory_mib": memory,
    }


def versions():
    import whispertrt

    build = whispertrt.build_info()
    return {
        "whispertrt": build["version"],
        "compiler": build["compiler"],
        "oneDNN": whispertrt.doctor()["cpu"].get("onednn"),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def plain(value):
    """An option as JSON; of a path only its name, because figures travel to where the rest of it means nothing."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.name if isinstance(value, Path) else value


class Report:
    """Collects tables; finish() prints the document."""

    def __init__(self, name, description, options):
        self._out = options.out
        self.document = {
            "bench": name,
            "question": description.strip().splitlines()[0],
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": command_output("git", "-C", str(ROOT), "describe", "--always", "--dirty") or "unknown",
            "machine": machine(),
            "versions": versions(),
            "threads": options.threads,
            "load_average_at_start": [round(load, 2) for load in os.getloadavg()],
            "options": {key: plain(value) for key, value in vars(options).items() if key not in ("out", "shared")},
            "notes": [],
            "tables": [],
        }
        if os.getloadavg()[0] > 0.5 * self.document["machine"]["cores"]:
            self.note(f"The machine was not idle: load average {os.getloadavg()[0]:.1f} at the start.")

    def note(self, text):
        self.document["notes"].append(text)
        note(text)

    def detail(self, key, value):
        self.document[key] = value

    def table(self, title, columns, rows):
        self.document["tables"].append({"title": title, "columns": columns, "rows": rows})
        print(f"\n{title}\n")
        cells = [columns] + [[cell(value) for value in row] for row in rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        for row in cells:
            print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())

    def finish(self):
        for text in self.document["notes"]:
            print(f"  * {text}")
        print(json.dumps(self.document, ensure_ascii=False), flush=True)
        if self._out:
            self._out.parent.mkdir(parents=True, exist_ok=True)
            self._out.write_text(json.dumps(self.document, indent=1, ensure_ascii=False) + "\n")


def cell(value):
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# ---- models and recordings ----


def model_path(options, name):
    path = options.shared / "models" / f"whisper-{name}"
    if not path.is_dir():
        sys.exit(f"{path} is not there; --shared or WTRT_SHARED names the folder of models/ and speech/")
    return path


def load(options, name, compute_type):
    import whispertrt

    return whispertrt.Model(model_path(options, name), compute_type=compute_type, cpu_threads=options.threads)


def manifest(options):
    """The recordings of speech/manifest.tsv, each a dict with its `path`, in order."""
    with open(options.shared / "speech" / "manifest.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        row["path"] = options.shared / "speech" / row["file"]
        row["duration_s"] = float(row["duration_s"])
    return rows


def librispeech(options):
    return [row for row in manifest(options) if row["file"].startswith("librispeech/") and row["transcript"]]


def spread(items, count):
    """`count` of the items, evenly spaced through them."""
    return [items[i * len(items) // count] for i in range(min(count, len(items)))]


def as_wav(path, folder):
    """The recording as 16 kHz mono 16-bit WAV, which every program under test can read."""
    target = Path(folder) / (Path(path).stem + ".wav")
    if not target.exists():
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-ac", "1", "-ar", "16000", str(target)], check=True)
    return target


# ---- measuring ----


def timed(act):
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


def median(values):
    return statistics.median(values)


COUNTERS = ("windows", "encoder_batches", "steps", "step_rows", "prefill_tokens", "encode_seconds", "prefill_seconds", "step_seconds")


def stats_between(before, after):
    return {name: getattr(after, name) - getattr(before, name) for name in COUNTERS}


def counted(engine, act):
    """Seconds of an act, the engine's counters over it, and what it gave."""
    before = engine.stats
    seconds, result = timed(act)
    return seconds, stats_between(before, engine.stats), result


def middle(runs):
    """The run of median time: of (seconds, …) tuples."""
    return sorted(runs, key=lambda run: run[0])[(len(runs) - 1) // 2]


def library_path():
    from whispertrt import _library

    return next(path for path in _library.candidates() if path.is_file())


def compiled(source, folder, *flags):
    """A program of one source file, built outside the tree."""
    compiler = shutil.which("cc" if source.suffix == ".c" else "c++")
    if compiler is None:
        sys.exit(f"{source.name} needs a C and C++ compiler")
    program = Path(folder) / source.stem
    subprocess.run([compiler, "-O2", str(source), "-o", str(program), *flags], check=True)
    return program


def native_sample(folder):
    """samples/c, linked with the library that the Python package loads."""
    library = library_path()
    return compiled(ROOT / "samples" / "c" / "transcribe.c", folder, f"-I{ROOT / 'native' / 'include'}", str(library),
                    f"-Wl,-rpath,{library.parent}")


def scratch():
    return tempfile.TemporaryDirectory(prefix="whispertrt-bench-")
