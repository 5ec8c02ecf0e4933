"""Runs whisper.cpp's command line as it lies in a folder given by the caller; nothing here builds or fetches it."""

import re
import subprocess
import sys
from pathlib import Path

import _bench

QUANTIZATIONS = ("q8_0", "q5_0", "q4_0", "f16")
#: Flash attention on and off: which is faster depends on the CPU, so both are tried.
VARIANTS = ("-fa", "-nfa")
_TIMING = re.compile(r"whisper_print_timings:\s+(\w+) time\s*=\s*([\d.]+) ms(?:\s*/\s*(\d+) runs)?")


class Peer:
    def __init__(self, folder, threads):
        self.name = folder.name
        self._threads = threads
        places = [folder, folder / "bin", folder / "build" / "bin"]
        self._program = next((place / "whisper-cli" for place in places if (place / "whisper-cli").is_file()), None)
        if self._program is None:
            sys.exit(f"--whisper-cpp {folder}: whisper-cli is in none of {', '.join(map(str, places))}")
        self._models = [folder, folder / "models"]
        help_text = subprocess.run([self._program, "--help"], capture_output=True, text=True)
        self.variants = [flag for flag in VARIANTS if flag + "," in help_text.stdout + help_text.stderr] or [""]
        if self.variants == ["-fa"]:
            self.variants = ["", "-fa"]  # versions where it is off unless asked for
        version = subprocess.run([self._program, "--version"], capture_output=True, text=True)
        found = re.search(r"version:?\s+(\d\S*)", version.stdout + version.stderr)
        self.version = found.group(1) if found else None
        self.system_info = None

    def model(self, name, quantization):
        file = f"ggml-{name}-{quantization}.bin"
        return next((folder / file for folder in self._models if (folder / file).is_file()), None)

    def run(self, model, files, variant):
        """Greedy, no fallback: wall seconds of the process, seconds without loading, seconds by phase, the texts."""
        command = [self._program, "-m", model, "-t", self._threads, "-l", "en", "-bs", 1, "-bo", 1, "-nf"]
        command += [variant] if variant else []
        for file in files:
            command += ["-f", file]
        seconds, done = _bench.timed(lambda: subprocess.run([str(part) for part in command], capture_output=True, text=True,
                                                            errors="replace"))
        if done.returncode != 0:
            _bench.note(f"whisper-cli ended with {done.returncode} for {Path(model).name} {variant}: {done.stderr[-200:].strip()}")
            return None
        phases = {name: float(ms) / 1000 for name, ms, _ in _TIMING.findall(done.stderr)}
        runs = {name: int(count) for name, _, count in _TIMING.findall(done.stderr) if count}
        found = re.search(r"system_info: (.*)", done.stderr)
        self.system_info = found.group(1) if found else self.system_info
        text = re.sub(r"^\[[^\]]*\]\s*", "", done.stdout, flags=re.MULTILINE)
        return {"seconds": seconds, "warm": phases["total"] - phases["load"], "phases": phases, "runs": runs, "text": " ".join(text.split())}

    def best(self, name, quantization, files, rounds):
        """The median run of the faster variant; None if the model is missing or it does not survive."""
        model = self.model(name, quantization)
        if model is None:
            _bench.note(f"ggml-{name}-{quantization}.bin is not there; skipped")
            return None
        tried = {variant: self.run(model, files, variant) for variant in self.variants}
        alive = {variant: run for variant, run in tried.items() if run}
        if not alive:
            return None
        variant = min(alive, key=lambda key: alive[key]["warm"])
        runs = [alive[variant]] + [run for run in (self.run(model, files, variant) for _ in range(rounds - 1)) if run]
        result = dict(sorted(runs, key=lambda run: run["warm"])[(len(runs) - 1) // 2])
        result["seconds"] = _bench.median([run["seconds"] for run in runs])
        result["variant"] = variant
        return result
