using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using WhisperTrt.Internal;

namespace WhisperTrt.Tests;

/// <summary>What metrics and traces say of jobs.</summary>
public sealed class TelemetryTests
{
    [SpeechFact]
    public async Task A_job_is_counted_timed_and_traced_before_its_end_is_seen()
    {
        using MetricRecorder metrics = new();
        using ActivityRecorder activities = new();
        using Activity caller = new("caller");
        caller.Start();
        await using WhisperEngine engine = Speech.Model.CreateEngine(meterFactory: metrics);
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip);
        Assert.Same(caller, Activity.Current);

        Assert.Equal(1, metrics.Sum("whispertrt.jobs.started"));
        Assert.Equal(1, metrics.Sum("whispertrt.jobs.finished"));
        Assert.Equal(0, metrics.Sum("whispertrt.jobs.failed") + metrics.Sum("whispertrt.jobs.cancelled"));
        Assert.Equal([1, -1], metrics.Of("whispertrt.jobs.active").Select(measured => measured.Value));
        Assert.Equal(transcript.Duration.TotalSeconds, metrics.Sum("whispertrt.audio.duration"), 6);
        Measured duration = Assert.Single(metrics.Of("whispertrt.job.duration"));
        Assert.Equal("finished", duration.Tags["whispertrt.outcome"]);
        Measured factor = Assert.Single(metrics.Of("whispertrt.job.real_time_factor"));
        Assert.Equal(duration.Value / transcript.Duration.TotalSeconds, factor.Value, 6);
        Measured finished = Assert.Single(metrics.Of("whispertrt.jobs.finished"));
        Assert.Equal("whisper-tiny.en-int8", finished.Tags["whispertrt.model"]);
        Assert.Equal("transcribe", finished.Tags["whispertrt.task"]);
        Assert.Equal("en", finished.Tags["whispertrt.language"]);

        Activity activity = Assert.Single(activities.Under(caller));
        Assert.Equal("transcribe", activity.OperationName);
        Assert.Equal(ActivityStatusCode.Unset, activity.Status);
        Assert.Equal("whisper-tiny.en-int8", activity.GetTagItem("whispertrt.model"));
        Assert.Equal("en", activity.GetTagItem("whispertrt.language"));
        Assert.Equal(transcript.Duration.TotalSeconds, activity.GetTagItem("whispertrt.audio.duration"));
        Assert.Equal("finished", activity.GetTagItem("whispertrt.outcome"));
    }

    [SpeechFact]
    public async Task A_job_that_fails_says_why()
    {
        using MetricRecorder metrics = new();
        using ActivityRecorder activities = new();
        using Activity caller = new("caller");
        caller.Start();
        await using WhisperEngine engine = Speech.Model.CreateEngine(new EngineOptions { MaxQueuedJobs = 1 }, metrics);
        await using (await engine.StartAsync(Audio.Pushed))
        {
            await Assert.ThrowsAsync<EngineBusyException>(() => engine.TranscribeToEndAsync(Speech.Clip));
        }

        InvalidAudioException error =
            await Assert.ThrowsAsync<InvalidAudioException>(() => engine.TranscribeToEndAsync(Audio.FromBytes("no audio at all"u8.ToArray())));

        string[] types = [typeof(EngineBusyException).FullName!, typeof(InvalidAudioException).FullName!];
        Assert.Equal(types, metrics.Of("whispertrt.jobs.failed").Select(measured => measured.Tags["error.type"]));
        Assert.Equal(3, metrics.Sum("whispertrt.jobs.started"));
        Assert.Equal(1, metrics.Sum("whispertrt.jobs.cancelled"));
        Assert.Equal(0, metrics.Sum("whispertrt.jobs.active"));
        Assert.Equal(["failed", "cancelled", "failed"], metrics.Of("whispertrt.job.duration").Select(measured => measured.Tags["whispertrt.outcome"]));
        Assert.Empty(metrics.Of("whispertrt.audio.duration"));

        Activity[] traced = [.. activities.Under(caller)];
        Assert.Equal([ActivityStatusCode.Error, ActivityStatusCode.Unset, ActivityStatusCode.Error], traced.Select(activity => activity.Status));
        Assert.Equal("cancelled", traced[1].GetTagItem("whispertrt.outcome"));
        Assert.Equal(error.Message, traced[2].StatusDescription);
        Assert.Equal(types[1], traced[2].GetTagItem("error.type"));
        Assert.Equal("exception", Assert.Single(traced[2].Events).Name);
    }

    [SpeechFact]
    public async Task Engines_are_observed_each_by_itself_until_they_end()
    {
        using MetricRecorder metrics = new();
        WhisperEngine first = Speech.Model.CreateEngine(meterFactory: metrics);
        WhisperEngine second = Speech.Model.CreateEngine(meterFactory: metrics);
        await using WhisperEngine elsewhere = Speech.Model.CreateEngine();
        using Transcript transcript = await first.TranscribeToEndAsync(Speech.Clip);
        EngineStatistics statistics = first.GetStatistics();
        metrics.Observe();
        Assert.Equal([statistics.Windows, 0], metrics.Of("whispertrt.engine.windows").Select(measured => (long)measured.Value).OrderDescending());
        Assert.Equal(statistics.Steps, metrics.Sum("whispertrt.engine.steps"));
        Assert.Equal(statistics.StepRows, metrics.Sum("whispertrt.engine.step_rows"));
        Assert.Equal(statistics.MeanBatch, metrics.Sum("whispertrt.engine.rows_per_step"), 6);
        await first.DisposeAsync();
        second.Dispose();
        metrics.Clear();
        metrics.Observe();
        Assert.Empty(metrics.Of("whispertrt.engine.windows"));
    }

    [SpeechFact]
    public void Being_observed_keeps_no_engine_alive()
    {
        using MetricRecorder metrics = new();
        WeakReference engine = Forget(metrics);
        for (int i = 0; i < 20 && engine.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        metrics.Observe();
        Assert.False(engine.IsAlive);
        Assert.Empty(metrics.Of("whispertrt.engine.windows"));

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Forget(IMeterFactory factory) => new(Speech.Model.CreateEngine(meterFactory: factory));
    }

    [SpeechFact]
    public void Nothing_is_measured_while_nobody_listens()
    {
        JobInstruments instruments = Telemetry.For(null).Jobs;
        Assert.Same(instruments, Telemetry.For(null).Jobs);
        Assert.Null(JobTelemetry.Begin(instruments, Speech.Model.Info, live: false, new TranscribeOptions()));
        using ActivityRecorder activities = new();
        JobTelemetry? job = JobTelemetry.Begin(instruments, Speech.Model.Info, live: false, new TranscribeOptions());
        Assert.NotNull(job);
        job.Fail(new OperationCanceledException());
    }

    [SpeechFact]
    public async Task A_listener_that_fails_harms_no_job()
    {
        using MetricRecorder metrics = new() { Failure = new InvalidOperationException("a listener's own fault") };
        await using WhisperEngine engine = Speech.Model.CreateEngine(meterFactory: metrics);
        metrics.FailsAt = "whispertrt.job.duration";
        using Transcript first = await engine.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        using Transcript second = await engine.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        Assert.Equal(first.Text, second.Text);
    }
}
