using System.Diagnostics;

namespace WhisperTrt.Internal;

/// <summary>
/// Measures one job, from the call that asks for it to its end, and traces it by an activity. There is none while nobody listens.
/// </summary>
internal sealed class JobTelemetry
{
    private static readonly ActivitySource Source = new(WhisperDiagnostics.ActivitySourceName, WhisperDiagnostics.Version);

    private readonly long began = Stopwatch.GetTimestamp();
    private readonly JobInstruments instruments;
    private readonly Activity? activity;
    private readonly TagList tags;
    private readonly bool isLive;
    private readonly bool isCounted;

    private JobTelemetry(JobInstruments instruments, ModelInfo model, bool live, TranscribeOptions options)
    {
        this.instruments = instruments;
        isLive = live;
        tags = new TagList
        {
            { "whispertrt.model", model.Name },
            { "whispertrt.task", options.Task == SpeechTask.Translate ? "translate" : "transcribe" },
        };
        activity = Source.StartActivity("transcribe", ActivityKind.Internal, parentContext: default, tags);
        activity?.SetTag("whispertrt.language", options.Language);
        instruments.Started.Add(1, tags);

        // Who begins to listen while a job runs must not see it leave without having come.
        isCounted = instruments.Active.Enabled;
        instruments.Active.Add(1, tags);
    }

    /// <summary>A job begins.</summary>
    /// <param name="instruments">What it is counted in.</param>
    /// <param name="model">What transcribes.</param>
    /// <param name="live">Whether the audio comes as it is spoken: how long that takes is not up to the engine.</param>
    /// <param name="options">How.</param>
    internal static JobTelemetry? Begin(JobInstruments instruments, ModelInfo model, bool live, TranscribeOptions options) =>
        instruments.Enabled || Source.HasListeners() ? new JobTelemetry(instruments, model, live, options) : null;

    internal void Finish(Transcript transcript) => Guard(() =>
    {
        TimeSpan elapsed = Leave("finished");
        double audio = transcript.Duration.TotalSeconds;
        TagList about = tags;
        about.Add("whispertrt.language", transcript.Language);
        instruments.Finished.Add(1, about);
        instruments.AudioDuration.Add(audio, about);
        if (!isLive && audio > 0)
        {
            instruments.RealTimeFactor.Record(elapsed.TotalSeconds / audio, tags);
        }

        activity?.SetTag("whispertrt.language", transcript.Language);
        activity?.SetTag("whispertrt.audio.duration", audio);
        Stop();
    });

    /// <summary>It ended in an exception, if only in that of its cancellation.</summary>
    internal void Fail(Exception error) => Guard(() =>
    {
        if (error is OperationCanceledException)
        {
            Leave("cancelled");
            instruments.Cancelled.Add(1, tags);
        }
        else
        {
            Leave("failed");
            TagList about = tags;
            about.Add("error.type", error.GetType().FullName);
            instruments.Failed.Add(1, about);
            activity?.SetTag("error.type", error.GetType().FullName);
            activity?.SetStatus(ActivityStatusCode.Error, error.Message);
            activity?.AddException(error);
        }

        Stop();
    });

    private TimeSpan Leave(string outcome)
    {
        TimeSpan elapsed = Stopwatch.GetElapsedTime(began);
        TagList about = tags;
        about.Add("whispertrt.outcome", outcome);
        instruments.Duration.Record(elapsed.TotalSeconds, about);
        activity?.SetTag("whispertrt.outcome", outcome);
        if (isCounted)
        {
            instruments.Active.Add(-1, tags);
        }

        return elapsed;
    }

    /// <summary>Stopping an activity makes its parent the current one; on the engine's thread there shall be none.</summary>
    private void Stop()
    {
        Activity? current = Activity.Current;
        activity?.Stop();
        if (current != activity)
        {
            Activity.Current = current;
        }
    }

    private static void Guard(Action report)
    {
        try
        {
            report();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The end of a job arrives on the engine's thread, which a listener that fails must not end.
            WhisperLog.Report(error, "A listener of metrics or traces failed.");
        }
    }
}
