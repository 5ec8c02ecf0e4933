#!/usr/bin/env python3
"""How near is a GPU to its limits, phase by phase, and how far are Hugging Face's eager and compiled models?

Random weights of large-v2's shape in float16: each act of the device beside its floor by arithmetic (--tera-flops, --tera-bytes) and
beside Hugging Face in processes of their own; a short utterance; memory; and the start of a process with a checkpoint on disk. Parts can
be chosen (--parts). Needs numpy; the peer, torch and transformers; the tokenizer of whisper-base in the shared folder.
"""

import sys
import time
from pathlib import Path

import _bench
import _gpu

PARTS = ("phases", "utterance", "memory", "start", "peer")
UTTERANCE_SECONDS, UTTERANCE_TOKENS = 7.4, 28
WINDOW_SECONDS = 30
#: What is asked of one H100 with large-v2: (what, bar, whether more is better, where it goes).
BARS = {
    "encode 1": ("encode + cross-KV, B = 1, ms", 10, False, "6.5"),
    "encode 8": ("encode + cross-KV, B = 8, ms", 46, False, "36"),
    "step 1": ("decode step, B = 1, ms", 1.3, False, "0.73"),
    "step 8": ("decode step, B = 8, ms", 2.2, False, "1.2"),
    "step 32": ("decode step, B = 32, ms", 5, False, "3.3"),
    "beams": ("5 beams over the greedy step, B = 1", 1.6, False, "1.2"),
    "windows 32": ("whole windows, B = 32, × real time", 1200, True, "2,000"),
    "utterance": ("7.4 s utterance, start to text, ms", 60, False, "26"),
    "memory": ("own allocations over weights, B = 1", 1.25, False, "1.1"),
    "load": ("load onto the device, page cache warm, s", 0.5, False, None),
    "start": ("process start to first text, page cache warm, s", 2, False, "0.8"),
}
ACTS = {"log-mel": "log-mel", "encode and cross-KV": "encode", "decode step": "step", "whole windows": "windows"}


# ---- ours ----


def load(options, name):
    import whispertrt

    return whispertrt.Model(name, device=options.device, compute_type=options.compute_type)


def phases(options, found):
    """Each act of the device, and the bars that they answer."""
    with load(options, f"random:{options.shape}") as model, _gpu.Clocks() as clocks:
        told = model.bench(batches=options.batches, cached_tokens=options.tokens, window_tokens=options.tokens,
                           repetitions=options.repetitions, tera_flops=options.tera_flops, tera_bytes=options.tera_bytes)
    found["clocks while measured"], found["device"] = clocks.summary(), told["device"]
    for phase in told["phases"]:
        act, batch, ms = ACTS.get(phase["name"], "beams"), phase["batch"], phase["milliseconds"]
        found["phases"].append((phase["name"], act, batch, ms, phase["floor_milliseconds"]))
        if act == "windows":
            ms = batch * WINDOW_SECONDS * 1e3 / ms
        elif act == "beams":
            ms /= found["ours"].get("step 1", float("nan"))
        found["ours"][act if act == "beams" else f"{act} {batch}"] = ms


def checkpoint(options, folder):
    """A checkpoint of the shape on disk, whose pages are warm because they were just written."""
    import _checkpoint

    vocabulary = _checkpoint.SHAPES[options.shape][-1]
    tokenizer = options.shared / "models" / {51865: "whisper-base", 51866: "fixtures/whisper-nano-v3"}[vocabulary]
    if not (tokenizer / "tokenizer.json").is_file():
        sys.exit(f"{tokenizer / 'tokenizer.json'} is not there; --shared or WTRT_SHARED names the folder of models/")
    seconds, path = _bench.timed(lambda: _checkpoint.write(Path(folder) / options.shape, options.shape, tokenizer))
    _bench.note(f"wrote {path} in {seconds:.1f} s")
    return path


def acts_ms(model, samples, repetitions):
    """The utterance by the acts one by one: log-mel, encoder, cross-KV, a prompt of 4, then steps; their logits stay on the device."""

    def once():
        session.encode(model.log_mel(samples), output=False)
        session.project_cross_kv()
        session.prefill([50258, 50259, 50359, 50363], logits=False)
        for i in range(UTTERANCE_TOKENS):
            session.step(1000 + i, logits=i == UTTERANCE_TOKENS - 1)

    with model.session() as session:
        once()
        return 1e3 * _bench.median([_bench.timed(once)[0] for _ in range(repetitions)])


def utterance(options, found, path):
    """From samples in memory to text, through an engine that has run before."""
    import _gpu_process

    samples = _gpu_process.tone(UTTERANCE_SECONDS)
    with load(options, path) as model:
        with model.engine() as engine:
            def once():
                return engine.transcribe(samples, max_new_tokens=UTTERANCE_TOKENS, **_gpu_process.SAY)

            tokens = sum(len(segment.tokens) for segment in once().segments)
            engine_ms = 1e3 * _bench.median([_bench.timed(once)[0] for _ in range(options.repetitions)])
        acts = acts_ms(model, samples, options.repetitions)
    found["ours"]["utterance"] = engine_ms
    found["utterance"] = [["engine", UTTERANCE_SECONDS, tokens, engine_ms], ["acts one by one", UTTERANCE_SECONDS, UTTERANCE_TOKENS, acts]]


def started(options, *arguments):
    return _gpu.Child(arguments[0], "_gpu_process.py", *arguments, options.device, options.compute_type)


def memory(options, found, path):
    """A process that loads and runs one row: what was planned, what the device has less, what the context takes."""
    before = _gpu.used_mib()
    child = started(options, "memory", path)
    deadline = time.time() + 60
    if child.next(deadline) is None:
        sys.exit(f"the process that measures memory ended: {child.last_words()}")
    context = _gpu.used_mib() - before
    child.go_on()
    told = child.next(deadline)
    if told is None:
        sys.exit(f"the process that measures memory ended: {child.last_words()}")
    child.end()
    found["ours"]["memory"] = told["total"] / told["weights"]
    found["ours"]["load"] = _bench.median(told["loads"])
    mib = 1 / (1 << 20)
    found["memory"] = [
        ["parameters in 2 bytes each", 2 * told["parameters"] * mib, None],
        *([name, told[key] * mib, told[key] / told["weights"]] for name, key in (
            ("weights as planned", "weights"), ("self-attention KV", "self_kv"), ("cross-attention KV", "cross_kv"),
            ("workspace", "workspace"), ("all as planned", "total"))),
        *([f"free memory less after {name}", taken * mib, taken / told["weights"]] for name, taken in told["taken"].items()),
        ["driver's context (nvidia-smi)", context, None],
    ]
    found["loads"] = told["loads"]


def start(options, found, path):
    """Fresh processes; the first one warms the pages of the library and of Python."""
    rows = []
    for number in range(options.starts + 1):
        child = started(options, "first-text", path)
        told = child.next(time.time() + 60)
        if told is None:
            sys.exit(f"the process that starts anew ended: {child.last_words()}")
        child.end()
        if number > 0:
            rows.append([told["at"] - child.started, told["loaded_at"] - child.started, told["load_seconds"], told["tokens"]])
    found["ours"]["start"] = _bench.median([row[0] for row in rows])
    found["start"] = rows


# ---- the peer ----


def peer_children(options, path):
    """Compiled ones side by side, since compiling keeps a core busy for a minute; each waits for its turn to measure."""
    def child(way, acts, batches):
        name = f"{way} {acts} {batches}"
        return _gpu.Child(name, "_hf.py", path, way, acts, batches, options.tokens)

    children = []
    if "eager" in options.peers:
        children.append(child("eager", "encode,step", ",".join(map(str, options.batches))))
    if "compiled" in options.peers:
        children += [child("compiled", act, batch) for batch in options.batches for act in ("step", "encode")]
    return children


def prepared(children, seconds, report, found):
    """Those that are ready to measure in time; the others are ended."""
    deadline = time.time() + seconds
    for child in children:
        told = child.next(deadline)
        if told is None:
            report.note(f"Hugging Face, {child.name}: nothing measured: {child.last_words()}")
            continue
        _bench.note(f"{child.name}: ready {told['arrived'] - child.started:.0f} s after its start")
        found["peer processes"][child.name] = [child.name, told["load_seconds"], told["ready"], None]
        found["peer versions"] = {name: told[name] for name in ("torch", "transformers", "cuda")}
        yield child


def measured(child, report, found):
    way, deadline = child.name.split()[0], time.time() + 30
    child.go_on()
    while (told := child.next(deadline)) and "done" not in told:
        found["peer"][way, told["act"], told["batch"]] = told["milliseconds"]
        _bench.note(f"{way} {told['act']} B = {told['batch']}: {told['milliseconds']:.2f} ms")
    if told:
        found["peer processes"][child.name][-1] = told["peak_bytes"] / (1 << 20)
    else:
        report.note(f"Hugging Face, {child.name}: ended early: {child.last_words()}")
    skipped = [line for line in child.log if "cudagraph" in line.lower()]
    if skipped:
        report.note(f"Hugging Face, {child.name}: {skipped[-1][:200]}")
    child.end()


def peer(options, report, found, path):
    found["peer processes"] = {}
    ready = list(prepared(peer_children(options, path), options.peer_seconds, report, found))
    for child in ready:
        measured(child, report, found)
    for way in options.peers:
        for batch in options.batches:
            encode, step = (found["peer"].get((way, act, batch)) for act in ("encode", "step"))
            if encode and step:
                found["peer"][way, "windows", batch] = encode + options.tokens * step


# ---- tables ----


def peer_of_bar(key, found):
    """The peer's best answer to a bar."""
    act, _, batch = key.partition(" ")
    if act == "utterance":
        sums = [found["peer"].get((way, "encode", 1), 0) + UTTERANCE_TOKENS * found["peer"].get((way, "step", 1), 0) for way in ("eager", "compiled")
                if (way, "encode", 1) in found["peer"] and (way, "step", 1) in found["peer"]]
        return min(sums, default=None)
    if not batch:
        return None
    times = [found["peer"][way, act, int(batch)] for way in ("eager", "compiled") if (way, act, int(batch)) in found["peer"]]
    best = min(times, default=None)
    return best and (int(batch) * WINDOW_SECONDS * 1e3 / best if act == "windows" else best)


def bars(found):
    for key, (what, bar, more, goal) in BARS.items():
        ours = found["ours"].get(key)
        if ours is None:
            continue
        theirs = peer_of_bar(key, found)
        ratio = theirs and (ours / theirs if more else theirs / ours)
        yield [what, ours, bar, ours >= bar if more else ours <= bar, goal, theirs, ratio]


def compared(found):
    for name, act, batch, ms, floor in found["phases"]:
        eager, compiled = (found["peer"].get((way, act, batch)) for way in ("eager", "compiled"))
        best = min((time for time in (eager, compiled) if time), default=None)
        yield [name, batch, ms, floor or None, floor and ms / floor or None, eager, compiled, best and best / ms]


def gaps(found):
    """The largest first; what causes them and how to close them is for who reads the figures."""
    rows = [[name, batch, ms - floor, ms / floor, None, None] for name, _, batch, ms, floor in found["phases"] if floor]
    return sorted(rows, key=lambda row: -row[3])[:10]


def tables(options, report, found):
    report.table("Against the bars for one H100", ["what", "ours", "bar", "within", "where it goes", "best of Hugging Face", "ratio"],
                 list(bars(found)))
    if found["phases"]:
        report.table(f"Phases of {options.shape}, {options.compute_type}, {options.tokens} tokens, ms",
                     ["phase", "batch", "ours", "floor", "ours / floor", "eager", "compiled", "best peer / ours"], list(compared(found)))
    if "utterance" in found:
        report.table("An utterance, from samples to text", ["how", "s of audio", "tokens", "ms"], found["utterance"])
    if "memory" in found:
        report.table("Device memory with one row, MiB", ["what", "MiB", "of the weights"], found["memory"])
        report.table("Loads in one process, page cache warm", ["load", "s"], [[i + 1, seconds] for i, seconds in enumerate(found["loads"])])
    if "start" in found:
        report.table("Process start to first text of 1 s of audio, page cache warm", ["first text s", "loaded s", "load alone s", "tokens"],
                     found["start"])
    if found.get("peer processes"):
        report.table("Hugging Face's processes, side by side until they measure", ["way, act, batch", "load s", "compile s", "most MiB allocated"],
                     list(found["peer processes"].values()))
    if found["phases"]:
        report.table("Gaps between ours and the floor", ["phase", "batch", "ms over the floor", "ours / floor", "cause", "idea"], gaps(found))


# ---- arguments ----


def parsed():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--parts", type=_bench.names, default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--shape", default="large-v2", help="tiny, large-v2, large-v3, turbo")
    parser.add_argument("--device", default="cuda", help="cpu: to try this program")
    parser.add_argument("--compute-type", default="float16")
    parser.add_argument("--batches", type=lambda text: [int(size) for size in text.split(",")], default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=100, help="tokens in the cache of a step, and of a whole window (default 100)")
    parser.add_argument("--repetitions", type=int, default=9, help="whose median counts (default 9)")
    parser.add_argument("--starts", type=int, default=3, help="fresh processes whose median counts (default 3)")
    parser.add_argument("--tera-flops", type=float, default=800.0, help="10¹² operations a second of the floor (default 800)")
    parser.add_argument("--tera-bytes", type=float, default=3.0, help="10¹² bytes a second of the floor (default 3)")
    parser.add_argument("--peers", type=_bench.names, default=["eager", "compiled"])
    parser.add_argument("--peer-seconds", type=float, default=110.0, help="what is not compiled by then is cut (default 110)")
    parser.add_argument("--commit", help="of the library, where this is no git checkout")
    return parser.parse_args()


def main():
    options = parsed()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        sys.exit(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    import whispertrt

    devices = whispertrt.doctor()["cuda"]
    if options.device == "cuda" and not devices["found"]:
        print(f"nothing to measure: no GPU: {devices['reason']}", file=sys.stderr)
        return
    report = _bench.Report("gpu", __doc__, options)
    if options.commit:
        report.detail("commit", options.commit)
    report.detail("gpu", _gpu.state())
    found = {"ours": {}, "phases": [], "peer": {}}
    with _bench.scratch() as folder:
        if "phases" in options.parts:
            phases(options, found)
        path = checkpoint(options, folder) if set(options.parts) - {"phases"} else None
        for part in (utterance, memory, start):
            if part.__name__ in options.parts:
                _bench.note(part.__name__)
                part(options, found, path)
        if "peer" in options.parts:
            peer(options, report, found, path)
    for key in ("device", "clocks while measured", "peer versions"):
        if key in found:
            report.detail(key, found[key])
    tables(options, report, found)
    if found["peer"]:
        report.note("Hugging Face's whole windows and utterance are the sum of its encoder and its steps: without log-mel, prompt and generate().")
    if report.document["gpu"]:
        clock = found.get("clocks while measured", {}).get("sm_mhz", {}).get("median")
        report.note(f"{report.document['gpu']['name']}, driver {report.document['gpu']['driver_version']}, SM clock {clock or '?'} MHz while measured.")
    report.finish()


if __name__ == "__main__":
    main()
