#!/usr/bin/env python3
"""What do bfloat16 and int8 cost in words, beside float32?

Every recording with a transcript in a known language, that language fixed, decoded greedily in batches: signed difference of the
word error rate with its bootstrap error (paired over clips), share of equal texts, and mean Kullback-Leibler divergence
of the logits, float32's tokens forced, in nats per token. English is normalised with the English normaliser, other languages with the
basic one; in languages without blanks between words every character counts as a word.
"""

import subprocess

import _bench
import _wer

#: Points of word error rate that a compute type may cost, beside two standard errors.
BARS = {"bfloat16": 0.2, "int8": 0.5}
COLUMNS = ["model", "compute type", "clips", "words", "WER %", "ΔWER", "standard error", "bar + 2 errors", "within", "equal texts %",
           "KL mean", "KL worst clip", "KL tokens", "seconds"]


def clips_for(options, languages):
    """Recordings with a transcript in a language that the model knows; the language as its code."""
    rows = []
    for row in _bench.manifest(options):
        language = row["language"].split("-")[0]
        if row["transcript"] and language in languages:
            rows.append({**row, "language": language})
    return _bench.spread(rows, options.limit) if options.limit else rows


def transcribe(engine, clips, **options):
    """Results by clip; None where the recording was refused. All jobs at once: the engine batches them."""
    import whispertrt

    jobs = [engine.submit(str(clip["path"]), language=clip["language"], temperature=0, max_pending_segments=1_000_000, **options) for clip in clips]
    results = []
    for job in jobs:
        with job:
            try:
                results.append(job.result())
            except whispertrt.WhisperTrtError as error:
                _bench.note(f"refused: {error}")
                results.append(None)
    return results


class Text:
    """One compute type's transcripts of the clips."""

    def __init__(self, clips, results, seconds):
        self.texts = [result and result.text for result in results]
        self.tokens = [result and [token for segment in result.segments for token in segment.tokens] for result in results]
        self.windows = [result and {segment.seek for segment in result.segments} for result in results]
        self.counts = [_wer.errors(clip["transcript"], text or "", clip["language"]) for clip, text in zip(clips, self.texts)]
        self.seconds = seconds


def samples_of(path):
    import numpy

    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return numpy.frombuffer(raw, numpy.int16).astype(numpy.float32) / 32768


def forced_clips(options, clips, text):
    """Clips of one window with something said: their tokens are all that the window gave."""
    fit = [i for i, clip in enumerate(clips) if clip["duration_s"] < 30 and text.tokens[i] and text.windows[i] == {0}]
    return _bench.spread(fit, options.forced)


def prompt_of(model, language):
    """<|startoftranscript|>, and for a model of several languages the language and <|transcribe|>; checked against the tokenizer."""
    start = 50258 if model.info.multilingual else 50257
    prompt, text = [start], "<|startoftranscript|>"
    if model.info.multilingual:
        prompt += [start + 1 + list(model.languages).index(language), start + 2 + model.info.languages]
        text += f"<|{language}|><|transcribe|>"
    if model.detokenize(prompt, with_special=True) != text:
        raise SystemExit(f"{text} is not {prompt} in this model")
    return prompt


def log_softmax(logits):
    import numpy

    logits = logits.astype(numpy.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - numpy.log(numpy.exp(logits).sum(axis=1, keepdims=True))


def forced_log_probabilities(session, mel, prompt, tokens):
    """[len(tokens) + 1, vocabulary]: what may follow the prompt and each of the tokens."""
    session.encode(mel, output=False)
    session.project_cross_kv()
    return log_softmax(session.prefill(prompt + tokens)[len(prompt) - 1:])


def divergences(reference, other, clips, chosen, text):
    """(sum over tokens of KL(float32 || other), tokens) of each clip chosen."""
    import numpy

    found = []
    with reference.session() as exact, other.session() as rounded:
        for i in chosen:
            mel = reference.log_mel(samples_of(clips[i]["path"]))
            given = mel, prompt_of(reference, clips[i]["language"]), text.tokens[i]
            p, q = forced_log_probabilities(exact, *given), forced_log_probabilities(rounded, *given)
            found.append((float((numpy.exp(p) * (p - q)).sum()), len(p)))
    return found


def texts_of(options, model, clips):
    with model.engine(max_batch=options.max_batch) as engine:
        seconds, results = _bench.timed(lambda: transcribe(engine, clips))
    return Text(clips, results, seconds)


def measure(options, name, rows, details):
    with _bench.load(options, name, "float32") as reference:
        clips = clips_for(options, set(reference.languages) if reference.info.multilingual else {"en"})
        _bench.note(f"{name} float32: {len(clips)} clips")
        exact = texts_of(options, reference, clips)
        heard = [i for i, text in enumerate(exact.texts) if text is not None]
        details[name] = {"clips": len(heard), "refused": [clips[i]["file"] for i in range(len(clips)) if exact.texts[i] is None], "differ": {}}
        base = [exact.counts[i] for i in heard]
        words = sum(count for _, count in base)
        rows.append([name, "float32", len(heard), words, _wer.rate(base), *[None] * 8, exact.seconds])
        chosen = forced_clips(options, clips, exact)
        for compute_type in options.compute_types:
            _bench.note(f"{name} {compute_type}")
            with _bench.load(options, name, compute_type) as model:
                text = texts_of(options, model, clips)
                kl = divergences(reference, model, clips, chosen, exact)
            counts = [text.counts[i] for i in heard]
            delta, error = _wer.paired_difference(base, counts)
            allowed = BARS[compute_type] + 2 * error
            differ = [clips[i]["file"] for i in heard if text.texts[i] != exact.texts[i]]
            details[name]["differ"][compute_type] = differ
            rows.append([name, compute_type, len(heard), words, _wer.rate(counts), delta, error, allowed, delta <= allowed,
                         100.0 * (len(heard) - len(differ)) / len(heard), sum(s for s, _ in kl) / max(1, sum(n for _, n in kl)),
                         max((s / n for s, n in kl), default=None), sum(n for _, n in kl), text.seconds])


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["tiny.en", "base"])
    parser.add_argument("--compute-types", type=_bench.names, default=["bfloat16", "int8"], help="compared with float32")
    parser.add_argument("--limit", type=int, default=0, help="so many clips, evenly spaced (default all)")
    parser.add_argument("--forced", type=int, default=40, help="clips whose logits are compared (default 40)")
    parser.add_argument("--max-batch", type=int, default=16)
    options = parser.parse_args()
    report = _bench.Report("quality", __doc__, options)
    rows, details = [], {}
    for name in options.models:
        measure(options, name, rows, details)
    report.table("Words that rounding costs (bars: bfloat16 0.2, int8 0.5 points, plus two standard errors)", COLUMNS, rows)
    report.detail("models", details)
    report.finish()


if __name__ == "__main__":
    main()
