#!/usr/bin/env python3
"""What do five beams cost per token of text, against greedy decoding, in time and in KV memory?

Each clip alone, on a warm engine. A step gives every beam of the window one token, so the seconds of a step are those of a token of
text. KV bytes are what a window of the mean length reserves: full pages of the prompt once, those behind it once per beam, one page ahead.
"""

import _bench

BAR = 2.2
PAGE_TOKENS = 32
TEXT_CONTEXT_PAGES = 14
COLUMNS = ["model", "compute type", "beams", "seconds", "steps", "rows per step", "ms per step", "ratio", "bar", "within", "encode s", "prefill s",
           "KV KiB per page", "KV pages per window", "KV KiB per window", "of as many rows apart"]


def one_pass(engine, clips, beams):
    return [engine.transcribe(str(clip["path"]), language="en", temperature=0, beam_size=beams) for clip in clips]


def step_seconds(run):
    return run[1]["step_seconds"] / run[1]["steps"]


def passes(engine, clips, beams, rounds):
    """The run of median time per step for each number of beams; the numbers take turns, so that the machine's moods hit all alike."""
    runs = {number: [] for number in beams}
    for round_ in range(rounds + 1):  # the first one warms up
        for number in beams:
            run = _bench.counted(engine, lambda: one_pass(engine, clips, number))
            runs[number] += [run] if round_ else []
    return {number: sorted(found, key=step_seconds)[(rounds - 1) // 2] for number, found in runs.items()}


def pages(prompt, sampled, beams):
    """Pages that a window holds in the end, and those of as many rows that share nothing."""
    each = min((prompt + sampled + PAGE_TOKENS) // PAGE_TOKENS + 1, TEXT_CONTEXT_PAGES)
    shared = prompt // PAGE_TOKENS
    return shared + beams * (each - shared), beams * each


def row_of(name, compute_type, engine, beams, run, greedy):
    seconds, stats, _results = run
    step = step_seconds(run)
    ratio = step / greedy
    page = engine.memory.self_kv / engine.memory.max_batch / TEXT_CONTEXT_PAGES / 1024
    windows = max(1, stats["windows"])
    held, apart = pages(stats["prefill_tokens"] // windows, stats["steps"] // windows, beams)
    return [name, compute_type, beams, seconds, stats["steps"], stats["step_rows"] / stats["steps"], step * 1e3, ratio, BAR if beams == 5 else None,
            ratio <= BAR if beams == 5 else None, stats["encode_seconds"], stats["prefill_seconds"], page, held, held * page, held / apart]


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["base"])
    parser.add_argument("--compute-types", type=_bench.names, default=["int8", "float32"])
    parser.add_argument("--beams", type=lambda text: [int(n) for n in _bench.names(text)], default=[1, 2, 5, 8])
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    report = _bench.Report("beams", __doc__, options)
    clips = sorted(_bench.librispeech(options), key=lambda row: -min(row["duration_s"], 29))[: options.clips]
    rows = []
    for name in options.models:
        for compute_type in options.compute_types:
            with _bench.load(options, name, compute_type) as model, model.engine() as engine:
                _bench.note(f"{name} {compute_type}")
                runs = passes(engine, clips, options.beams, options.rounds)
                greedy = step_seconds(runs[options.beams[0]])
                rows += [row_of(name, compute_type, engine, beams, run, greedy) for beams, run in runs.items()]
    report.table("Beams", COLUMNS, rows)
    report.finish()


if __name__ == "__main__":
    main()
