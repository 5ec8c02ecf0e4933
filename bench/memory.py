#!/usr/bin/env python3
"""How much memory does a process take beside the weights, with one clip and with a recording of hours?

Each case is a process of its own, a Python interpreter without numpy (its share is in the table): the peak is the kernel's high-water mark of
resident memory. The bar for one clip counts the weights as float32, whatever they are kept as; the bar for the long
recording counts them as they are kept.
"""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import _bench

CLIP_BAR_MB = 150.0
LONG_BAR_MB = 200.0
MB = 1e6
COLUMNS = ["model", "compute type", "recording", "audio s", "peak MB", "weights float32 MB", "weights kept MB", "peak − float32 MB",
           "peak − kept MB", "bar MB", "within", "interpreter MB", "segments", "seconds"]

CHILD = """
import json, sys, time
sys.modules["numpy"] = None
import whispertrt

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

model, kind, threads, batch, recording = sys.argv[1:]
bare, start, segments = peak(), time.perf_counter(), 0
with whispertrt.Model(model, compute_type=kind, cpu_threads=int(threads)) as loaded:
    with loaded.engine(max_batch=int(batch)) as engine, engine.submit(recording, language="en", temperature=0) as job:
        for segment in job.segments():
            segments += 1
        audio = job.result().duration
        plan = engine.memory.total
    info = loaded.info
print(json.dumps({"bare": bare, "peak": peak(), "float32": 4 * info.parameters, "kept": info.weight_bytes, "plan": plan,
                  "audio": audio, "segments": segments, "seconds": time.perf_counter() - start}))
"""


def child(options, model, compute_type, recording):
    command = [sys.executable, "-c", CHILD, model, compute_type, options.threads, options.max_batch, recording]
    environment = {**os.environ, "PYTHONPATH": str(_bench.PACKAGE)}
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout)


def row_of(model, compute_type, what, found, bar, beside):
    over = {"float32": (found["peak"] - found["float32"]) / MB, "kept": (found["peak"] - found["kept"]) / MB}
    return [model, compute_type, what, found["audio"], found["peak"] / MB, found["float32"] / MB, found["kept"] / MB, over["float32"], over["kept"],
            bar, over[beside] <= bar, found["bare"] / MB, found["segments"], found["seconds"]]


def long_recording(options, folder):
    """LibriSpeech clips over and over, as one 16-bit WAV of so many hours."""
    target = Path(folder) / "long.wav"
    left = int(options.hours * 3600 * 16000)
    clips = [_bench.as_wav(clip["path"], folder) for clip in _bench.spread(_bench.librispeech(options), 40)]
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        while left > 0:
            for clip in clips:
                with wave.open(str(clip), "rb") as part:
                    count = min(left, part.getnframes())
                    out.writeframesraw(part.readframes(count))
                left -= count
    return target


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--compute-types", type=_bench.names, default=["float32", "bfloat16", "int8"])
    parser.add_argument("--long-compute-type", default="int8")
    parser.add_argument("--max-batch", type=int, default=16, help="as the engine's own default")
    parser.add_argument("--hours", type=float, default=3.0, help="length of the long recording; 0 leaves it out")
    options = parser.parse_args()
    report = _bench.Report("memory", __doc__, options)
    model = _bench.model_path(options, options.model)
    clip = max(_bench.librispeech(options), key=lambda row: min(row["duration_s"], 30))
    rows = []
    for compute_type in options.compute_types:
        _bench.note(compute_type)
        rows.append(row_of(options.model, compute_type, "one clip", child(options, model, compute_type, clip["path"]), CLIP_BAR_MB, "float32"))
    if options.hours > 0:
        with _bench.scratch() as folder:
            recording = long_recording(options, folder)
            _bench.note(f"{options.hours} h")
            found = child(options, model, options.long_compute_type, recording)
            rows.append(row_of(options.model, options.long_compute_type, f"{options.hours:g} h", found, LONG_BAR_MB, "kept"))
    report.table("Peak resident memory", COLUMNS, rows)
    report.finish()


if __name__ == "__main__":
    main()
