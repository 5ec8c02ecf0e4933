"""What gpu.py needs around its measurements: the GPU's state as nvidia-smi tells it, and processes that it talks with."""

import csv
import io
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import _bench

FOLDER = Path(__file__).resolve().parent
FIELDS = ("name", "driver_version", "vbios_version", "clocks.max.sm", "clocks.max.mem", "power.limit", "memory.total", "pstate",
          "temperature.gpu")


def nvidia_smi(*arguments):
    if shutil.which("nvidia-smi") is None:
        return None
    return _bench.command_output("nvidia-smi", *arguments)


def state():
    line = nvidia_smi(f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader")
    return dict(zip(FIELDS, next(csv.reader(io.StringIO(line), skipinitialspace=True)))) if line else {}


def used_mib():
    line = nvidia_smi("--query-gpu=memory.used", "--format=csv,noheader,nounits")
    return int(line.splitlines()[0]) if line else 0


class Clocks:
    """Samples the clocks while something runs."""

    def __enter__(self):
        self._process = self._out = None
        if shutil.which("nvidia-smi"):
            self._process = subprocess.Popen(["nvidia-smi", "--query-gpu=clocks.sm,clocks.mem,power.draw", "--format=csv,noheader,nounits",
                                              "-lms", "250"], stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        if self._process:
            self._process.terminate()
            self._out = self._process.communicate()[0]

    def summary(self):
        lines = [line.split(", ") for line in (self._out or "").splitlines()]
        samples = [[float(value) for value in line] for line in lines if len(line) == 3 and all(value[:1].isdigit() for value in line)]
        columns = zip(("sm_mhz", "memory_mhz", "power_w"), zip(*samples))
        return {name: {"least": min(values), "median": _bench.median(values), "most": max(values)} for name, values in columns}


class Child:
    """A process that prints JSON lines, each taken with its time of arrival; others, and what it complains of, are kept as its log."""

    def __init__(self, name, program, *arguments):
        self.name, self.log, self.started = name, [], time.time()
        environment = {**os.environ, "PYTHONPATH": str(_bench.PACKAGE), "TORCHINDUCTOR_COMPILE_THREADS": "4"}
        self._process = subprocess.Popen([sys.executable, str(FOLDER / program), *map(str, arguments)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(json.loads(line) | {"arrived": time.time()})
            else:
                self.log.append(line.rstrip())
        self._lines.put(None)

    def next(self, deadline):
        """The next object; None if it ended or was cut at the deadline."""
        try:
            told = self._lines.get(timeout=max(0.0, deadline - time.time()))
        except queue.Empty:
            self.log.append(f"cut after {time.time() - self.started:.0f} s")
            told = None
        if told is None:
            self.end()
        return told

    def go_on(self):
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def end(self):
        self._process.kill()
        self._process.wait()

    def last_words(self):
        return " | ".join(line for line in self.log[-3:])
