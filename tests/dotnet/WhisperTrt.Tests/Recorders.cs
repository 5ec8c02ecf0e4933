using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace WhisperTrt.Tests;

/// <summary>A measurement that was made.</summary>
internal sealed record Measured(string Name, double Value, IReadOnlyDictionary<string, object?> Tags);

/// <summary>A factory of meters that records what its own meters measure, and nothing of others.</summary>
internal sealed class MetricRecorder : IMeterFactory
{
    private readonly Dictionary<string, Meter> meters = [];
    private readonly ConcurrentQueue<Measured> measured = new();
    private readonly MeterListener listener = new();

    internal MetricRecorder()
    {
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Scope == this)
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        listener.Start();
    }

    /// <summary>Thrown where an instrument named <see cref="FailsAt"/> measures.</summary>
    internal Exception? Failure { get; init; }

    internal string? FailsAt { get; set; }

    internal IEnumerable<Measured> Of(string name) => measured.Where(one => one.Name == name);

    internal double Sum(string name) => Of(name).Sum(one => one.Value);

    internal void Observe() => listener.RecordObservableInstruments();

    internal void Clear() => measured.Clear();

    public Meter Create(MeterOptions options)
    {
        lock (meters)
        {
            if (!meters.TryGetValue(options.Name, out Meter? meter))
            {
                meters[options.Name] = meter = new Meter(options.Name, options.Version, options.Tags, scope: this);
            }

            return meter;
        }
    }

    public void Dispose()
    {
        listener.Dispose();
        foreach (Meter meter in meters.Values)
        {
            meter.Dispose();
        }
    }

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (Failure is not null && instrument.Name == FailsAt)
        {
            throw Failure;
        }

        Dictionary<string, object?> copy = [];
        foreach ((string key, object? tag) in tags)
        {
            copy[key] = tag;
        }

        measured.Enqueue(new Measured(instrument.Name, value, copy));
    }
}

/// <summary>Records the library's activities, in the order in which they end.</summary>
internal sealed class ActivityRecorder : IDisposable
{
    private readonly ConcurrentQueue<Activity> stopped = new();
    private readonly ActivityListener listener;

    internal ActivityRecorder()
    {
        listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == WhisperDiagnostics.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
    }

    internal IEnumerable<Activity> Under(Activity parent) => stopped.Where(activity => activity.ParentSpanId == parent.SpanId);

    public void Dispose() => listener.Dispose();
}
