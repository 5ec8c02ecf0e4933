"""How soon after it was said is text there, tentative and stable, and what does it cost in accuracy and computing?

Clips of LibriSpeech, glued together, are pushed in real time. A word's delay counts from where it ends by the word times of the
whole recording; it is tentative when it first stands at its place, and stable when it can change no more.
With --simulate nobody waits for the sound: text, words wrong and, for a hypothesis that takes as long as is said, delays are the same on a
machine that is busy.
"""

import difflib
import re
import threading
import time

import _bench as bench
import _wer

PIECE_SECONDS = 0.1
RATE = 16000


def spoken(text):
    """Words of a text, as they are compared."""
    return [word for word in (re.sub(r"[^\w']", "", part).lower() for part in text.split()) if word]


def recording(options):
    """Clips until the minutes are full, as samples, and what is said in them."""
    import array
    import subprocess

    samples, said = array.array("f"), []
    for row in bench.librispeech(options):
        if len(samples) >= options.minutes * 60 * RATE:
            break
        raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(row["path"]), "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"],
                             check=True, capture_output=True).stdout
        samples.frombytes(raw)
        said.append(row["transcript"])
    return samples, " ".join(said)


def feed(stream, samples, began):
    piece = int(PIECE_SECONDS * RATE)
    for begin in range(0, len(samples), piece):
        time.sleep(max(0.0, began + (begin + piece) / RATE - time.perf_counter()))  # a microphone gives sound when it is over
        stream.push(samples[begin : begin + piece])
    stream.end()


def listen(engine, samples, interval):
    """What was shown when: (seconds, stable text, tentative text), and the result."""
    shown, stable = [], ""
    with engine.open_stream(interval=interval, language="en") as stream:
        began = time.perf_counter()
        feeder = threading.Thread(target=feed, args=(stream, samples, began))
        feeder.start()
        for said in stream:
            stable += said.text if said.stable else ""
            shown.append((time.perf_counter() - began, stable, "" if said.stable else said.text))
        feeder.join()
        return shown, stream.result()


class Hypotheses:
    """Knows when the library makes one: when an interval's worth of new mel frames is there, which are made sixteen at a time."""

    def __init__(self, interval):
        self._interval = int(100 * interval)
        self._heard = 0

    def due(self, received):
        frames = (received - 200) // 2560 * 16
        if frames - self._heard < self._interval:
            return False
        self._heard = frames
        return True


def simulate(engine, samples, interval, seconds):
    """The same by a clock that runs with the sound, on which a hypothesis takes so many seconds."""
    shown, texts, made, hypotheses = [], [], threading.Semaphore(0), Hypotheses(interval)
    clock, received, stable, piece = 0.0, 0, "", int(PIECE_SECONDS * RATE)
    with engine.open_stream(interval=interval, language="en", max_pending_segments=1_000_000, on_progress=lambda _: made.release()) as stream:
        reader = threading.Thread(target=lambda: [texts.append(said) for said in stream])
        reader.start()
        while received < len(samples):
            last, received = received, min(len(samples), max(received + piece, int(clock / PIECE_SECONDS) * piece))
            clock = max(clock, received / RATE)
            stream.push(samples[last:received])
            if received == len(samples):
                stream.end()
                reader.join()
            elif hypotheses.due(received):
                made.acquire()
            else:
                continue
            clock += seconds
            for said in texts:
                stable += said.text if said.stable else ""
                shown.append((clock, stable, "" if said.stable else said.text))
            texts.clear()
        return shown, stream.result()


def arrivals(shown, words):
    """When each word first stood at its place, and when it was stable."""
    first, certain = {}, {}
    for seconds, stable, tentative in shown:
        settled = len(spoken(stable))
        now = spoken(stable + tentative)
        for i in range(max(0, settled - 40), len(now)):
            if i < len(words) and now[i] == words[i]:
                first.setdefault(i, seconds)
                if i < settled:
                    certain.setdefault(i, seconds)
    return first, certain


def delays(shown, final, whole):
    """Seconds from the end of each word, tentative and stable, of the words that both runs have."""
    words = spoken(final)
    timed = [(word, each.end) for segment in whole.segments for each in segment.words for word in spoken(each.text)]
    first, certain = arrivals(shown, words)
    pairs = difflib.SequenceMatcher(None, words, [word for word, _ in timed], autojunk=False).get_matching_blocks()
    tentative, stable = [], []
    for block in pairs:
        for k in range(block.size):
            i, end = block.a + k, timed[block.b + k][1]
            if i in first and i in certain:
                tentative.append(first[i] - end)
                stable.append(certain[i] - end)
    return tentative, stable


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else None


def main():
    parser = bench.arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="audio, pushed in real time (default 10)")
    parser.add_argument("--models", default="base", help="of models/whisper-* (default base)")
    parser.add_argument("--compute_type", default="int8")
    parser.add_argument("--intervals", default="0.5", help="seconds between hypotheses, comma-separated (default 0.5, as the library's)")
    parser.add_argument("--simulate", type=float, metavar="SECONDS", help="as fast as can be, as if each hypothesis took so long")
    options = parser.parse_args()
    report = bench.Report("live", __doc__, options)
    samples, said = recording(options)
    seconds = len(samples) / RATE
    report.detail("audio_seconds", round(seconds, 1))
    rows = []
    for name in bench.names(options.models):
        with bench.load(options, name, options.compute_type) as model, model.engine(max_batch=4) as engine:
            whole = engine.transcribe(samples, language="en", word_timestamps=True)
            for interval in map(float, bench.names(options.intervals)):
                before, cpu = engine.stats, time.process_time()
                if options.simulate:
                    shown, result = simulate(engine, samples, interval, options.simulate)
                else:
                    shown, result = listen(engine, samples, interval)
                cpu = time.process_time() - cpu
                did = bench.stats_between(before, engine.stats)
                tentative, stable = delays(shown, result.text, whole)
                busy = did["encode_seconds"] + did["prefill_seconds"] + did["step_seconds"]
                if options.simulate:
                    busy = options.simulate * did["windows"]
                rows.append([name, interval, len(stable), percentile(tentative, 0.5), percentile(tentative, 0.95), percentile(stable, 0.5),
                             percentile(stable, 0.95), _wer.rate([_wer.errors(said, result.text)]), _wer.rate([_wer.errors(said, whole.text)]),
                             busy / seconds, cpu / seconds / options.threads, did["windows"]])
    report.table("Delay after a word's end in seconds, words wrong in percent, load as a part of the audio's time",
                 ["model", "interval", "words", "tentative p50", "tentative p95", "stable p50", "stable p95", "WER live", "WER whole", "busy",
                  "CPU of the threads", "hypotheses"], rows)
    report.finish()


if __name__ == "__main__":
    main()
