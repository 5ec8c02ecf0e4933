"""What gpu.py does in processes of their own, because they begin with one. usage: _gpu_process.py first-text|memory MODEL DEVICE COMPUTE_TYPE"""

import array
import json
import math
import sys
import time

import whispertrt

#: So that random weights say as many tokens as they are asked for: the end token is suppressed, nothing is thrown away.
SAY = {"language": "en", "temperature": 0, "without_timestamps": True, "suppress_tokens": [50257], "no_speech_threshold": None,
       "logprob_threshold": None, "compression_ratio_threshold": None}


def tone(seconds):
    return array.array("f", (0.1 * math.sin(0.05 * i + 1e-6 * i * i) for i in range(int(16000 * seconds))))


def tell(**what):
    print(json.dumps(what), flush=True)


def first_text(name, device, compute_type):
    """Loads, and writes one second down."""
    model = whispertrt.Model(name, device=device, compute_type=compute_type)
    loaded = time.time()
    with model.engine() as engine:
        result = engine.transcribe(tone(1), max_new_tokens=8, **SAY)
        tell(text=result.text, at=time.time(), loaded_at=loaded, load_seconds=model.info.load_seconds,
             tokens=sum(len(segment.tokens) for segment in result.segments))


def free_bytes():
    found = whispertrt.doctor()["cuda"].get("devices")
    return found[0]["free_bytes"] if found else 0


def memory(name, device, compute_type):
    """What is taken from the device by each of: weights, an engine of one row, its first run; and loads again and again."""
    free = [free_bytes()]  # the driver's context is there from now on
    tell(context=True)
    sys.stdin.readline()
    model = whispertrt.Model(name, device=device, compute_type=compute_type)
    loads = [model.info.load_seconds]
    free.append(free_bytes())
    with model.engine(max_batch=1) as engine:
        free.append(free_bytes())
        engine.transcribe(tone(3), max_new_tokens=20, **SAY)
        free.append(free_bytes())
        plan = engine.memory
    info = model.info
    model.close()
    for _ in range(4):
        with whispertrt.Model(name, device=device, compute_type=compute_type) as again:
            loads.append(again.info.load_seconds)
    tell(weights=plan.weights, self_kv=plan.self_kv, cross_kv=plan.cross_kv, workspace=plan.workspace, total=plan.total,
         parameters=info.parameters, loads=loads,
         taken=dict(zip(("weights", "engine", "first run"), (before - after for before, after in zip(free, free[1:])))))


if __name__ == "__main__":
    {"first-text": first_text, "memory": memory}[sys.argv[1]](*sys.argv[2:5])
