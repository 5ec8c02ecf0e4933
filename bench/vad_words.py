#!/usr/bin/env python3
"""What does transcribing only the speech cost in words, and how much does it skip?

Every recording with a transcript in a known language, that language fixed, decoded greedily in batches, with the voice
activity filter and without: signed difference of the word error rate with its bootstrap error (paired over clips), share
of the audio that was skipped, and the time of both.
"""

import _bench
import _wer
from quality import clips_for, transcribe

#: Points of word error rate that the filter may cost, beside two standard errors.
BAR = 0.2
COLUMNS = ["model", "clips", "words", "WER % all", "WER % speech", "ΔWER", "standard error", "bar + 2 errors", "within",
           "audio s", "skipped %", "clips without speech", "seconds all", "seconds speech"]


def measured(engine, clips, **options):
    """Seconds, results by clip, and (errors, words) by clip."""
    seconds, results = _bench.timed(lambda: transcribe(engine, clips, **options))
    texts = [result.text if result else "" for result in results]
    return seconds, results, [_wer.errors(clip["transcript"], text, clip["language"]) for clip, text in zip(clips, texts)]


def measure(options, name, rows, details):
    with _bench.load(options, name, options.compute_type) as model, model.engine(max_batch=options.max_batch) as engine:
        clips = clips_for(options, set(model.languages) if model.info.multilingual else {"en"})
        _bench.note(f"{name}: {len(clips)} clips")
        seconds, results, counts = measured(engine, clips)
        speech_seconds, speech_results, speech_counts = measured(engine, clips, vad_filter=True)
    heard = [i for i, result in enumerate(results) if result and speech_results[i]]
    base, speech = [counts[i] for i in heard], [speech_counts[i] for i in heard]
    delta, error = _wer.paired_difference(base, speech)
    allowed = BAR + 2 * error
    audio = sum(speech_results[i].duration for i in heard)
    kept = sum(speech_results[i].speech_duration for i in heard)
    worse = [{"file": clips[i]["file"], "words": counts[i][1], "errors": counts[i][0], "errors_speech": speech_counts[i][0]}
             for i in heard if speech_counts[i][0] != counts[i][0]]
    details[name] = {"refused": [clips[i]["file"] for i in range(len(clips)) if i not in set(heard)],
                     "without_speech": [clips[i]["file"] for i in heard if speech_results[i].speech_duration == 0],
                     "differ": sorted(worse, key=lambda one: one["errors"] - one["errors_speech"])}
    rows.append([name, len(heard), sum(count for _, count in base), _wer.rate(base), _wer.rate(speech), delta, error, allowed,
                 delta <= allowed, audio, 100 * (1 - kept / audio), len(details[name]["without_speech"]), seconds, speech_seconds])


def main():
    parser = _bench.arguments(__doc__)
    parser.add_argument("--models", type=_bench.names, default=["tiny.en", "base"])
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--limit", type=int, default=0, help="so many clips, evenly spaced (default all)")
    parser.add_argument("--max-batch", type=int, default=16)
    options = parser.parse_args()
    report = _bench.Report("vad_words", __doc__, options)
    rows, details = [], {}
    for name in options.models:
        measure(options, name, rows, details)
    report.table("Words with the filter against without (bar: 0.2 points plus two standard errors)", COLUMNS, rows)
    report.detail("models", details)
    report.finish()


if __name__ == "__main__":
    main()
