using System.Diagnostics.Metrics;

namespace WhisperTrt.Internal;

/// <summary>What is measured of jobs.</summary>
internal sealed class JobInstruments(Meter meter)
{
    internal Counter<long> Started { get; } = meter.CreateCounter<long>("whispertrt.jobs.started", "{job}", "Transcriptions begun.");

    internal Counter<long> Finished { get; } = meter.CreateCounter<long>("whispertrt.jobs.finished", "{job}", "Transcriptions that came to their end.");

    internal Counter<long> Failed { get; } = meter.CreateCounter<long>("whispertrt.jobs.failed", "{job}", "Transcriptions that ended in an error.");

    internal Counter<long> Cancelled { get; } = meter.CreateCounter<long>("whispertrt.jobs.cancelled", "{job}", "Transcriptions that were cancelled.");

    internal UpDownCounter<long> Active { get; } =
        meter.CreateUpDownCounter<long>("whispertrt.jobs.active", "{job}", "Transcriptions that wait or run.");

    internal Counter<double> AudioDuration { get; } =
        meter.CreateCounter<double>("whispertrt.audio.duration", "s", "Audio of finished transcriptions.");

    internal Histogram<double> Duration { get; } = meter.CreateHistogram<double>(
        "whispertrt.job.duration", "s", "Time from the beginning of a transcription to its end, waiting included.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800] });

    internal Histogram<double> RealTimeFactor { get; } = meter.CreateHistogram<double>(
        "whispertrt.job.real_time_factor", "1", "Duration of a finished transcription over that of its audio; not of pushed audio.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] });

    internal bool Enabled =>
        Started.Enabled || Finished.Enabled || Failed.Enabled || Cancelled.Enabled || Active.Enabled || AudioDuration.Enabled
        || Duration.Enabled || RealTimeFactor.Enabled;
}
