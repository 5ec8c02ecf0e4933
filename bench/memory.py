#!/usr/bin/env python3
"""How much memory does a process take beside the weights, with one clip and with a recording of hours?

A live transcription is fed an hour, each bit as soon as the one before was heard: does what it takes stay level?

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
LIVE_BAR_MB = 10.0
LIVE_MINUTES = 5  # from one look to the next
LIVE_SETTLED_MINUTES = 10
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


#: Says what is resident every so many minutes of audio. A piece is long enough that each is followed by one hypothesis.
LIVE_CHILD = """
import array, json, sys, threading, time, wave
sys.modules["numpy"] = None
import whispertrt

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

def feed(stream, sound, every):
    second, pushed = sound.getframerate(), 0
    while pushed < sound.getnframes():
        data = sound.readframes(6 * second // 5)
        stream.push(array.array("h", data))
        pushed += len(data) // 2
        if pushed < sound.getnframes():
            heard.acquire()
        if pushed >= 60 * second * every * len(level):
            level.append([pushed / second / 60, resident()])
    stream.end()

model, kind, threads, every, recording = sys.argv[1:]
start, level, heard, stable = time.perf_counter(), [], threading.Semaphore(0), 0
with whispertrt.Model(model, compute_type=kind, cpu_threads=int(threads)) as loaded, loaded.engine(max_batch=1) as engine:
    with engine.open_stream(interval=1, language="en", on_progress=lambda _: heard.release()) as stream, wave.open(recording) as sound:
        feeder = threading.Thread(target=feed, args=(stream, sound, int(every)))
        feeder.start()
        for said in stream:
            stable += said.stable
        feeder.join()
    hypotheses = engine.stats.windows
print(json.dumps({"level": level, "hypotheses": hypotheses, "stable": stable, "seconds": time.perf_counter() - start}))
"""


def child(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(_bench.PACKAGE)}
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout)


def row_of(model, compute_type, what, found, bar, beside):
    over = {"float32": (found["peak"] - found["float32"]) / MB, "kept": (found["peak"] - found["kept"]) / MB}
    return [model, compute_type, what, found["audio"], found["peak"] / MB, found["float32"] / MB, found["kept"] / MB, over["float32"], over["kept"],
            bar, over[beside] <= bar, found["bare"] / MB, found["segments"], found["seconds"]]


def long_recording(options, hours, folder):
    """LibriSpeech clips over and over, as one 16-bit WAV of so many hours."""
    target = Path(folder) / "long.wav"
    left = int(hours * 3600 * 16000)
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


def live(options, model, report):
    """Feeds hours to one live stream and says what is resident meanwhile."""
    with _bench.scratch() as folder:
        recording = long_recording(options, options.live_hours, folder)
        _bench.note(f"{options.live_hours} h live")
        found = child(LIVE_CHILD, model, options.long_compute_type, options.threads, LIVE_MINUTES, recording)
    first = next((size for minute, size in found["level"] if minute >= LIVE_SETTLED_MINUTES), found["level"][0][1])
    rows = [[options.model, options.long_compute_type, minute, size / MB, (size - first) / MB] for minute, size in found["level"]]
    report.table(f"Resident memory of a live transcription (bar: {LIVE_BAR_MB:g} MB over what minute {LIVE_SETTLED_MINUTES} has)",
                 ["model", "compute type", "audio minutes", "resident MB", f"over minute {LIVE_SETTLED_MINUTES} MB"], rows)
    report.table("The live transcription", ["hypotheses", "stable texts", "growth MB", "bar MB", "within", "seconds", "× real time"],
                 [[found["hypotheses"], found["stable"], rows[-1][4], LIVE_BAR_MB, rows[-1][4] <= LIVE_BAR_MB, found["seconds"],
                   3600 * options.live_hours / found["seconds"]]])


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--compute-types", type=_bench.names, default=["float32", "bfloat16", "int8"])
    parser.add_argument("--long-compute-type", default="int8")
    parser.add_argument("--max-batch", type=int, default=16, help="as the engine's own default")
    parser.add_argument("--hours", type=float, default=3.0, help="length of the long recording; 0 leaves it out")
    parser.add_argument("--live-hours", type=float, default=1.0, help="sound that a live transcription is fed; 0 leaves it out")
    options = parser.parse_args()
    report = _bench.Report("memory", __doc__, options)
    model = _bench.model_path(options, options.model)
    clip = max(_bench.librispeech(options), key=lambda row: min(row["duration_s"], 30))
    rows = []
    for compute_type in options.compute_types:
        _bench.note(compute_type)
        rows.append(row_of(options.model, compute_type, "one clip", child(CHILD, model, compute_type, options.threads, options.max_batch, clip["path"]), CLIP_BAR_MB, "float32"))
    if options.hours > 0:
        with _bench.scratch() as folder:
            recording = long_recording(options, options.hours, folder)
            _bench.note(f"{options.hours} h")
            found = child(CHILD, model, options.long_compute_type, options.threads, options.max_batch, recording)
            rows.append(row_of(options.model, options.long_compute_type, f"{options.hours:g} h", found, LONG_BAR_MB, "kept"))
    report.table("Peak resident memory", COLUMNS, rows)
    if options.live_hours > 0:
        live(options, model, report)
    report.finish()


if __name__ == "__main__":
    main()
