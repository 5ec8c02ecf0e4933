using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace WhisperTrt.Internal;

/// <summary>The instruments of one meter, shared by the engines that report to it. Engines are known weakly: being measured keeps none alive.</summary>
internal sealed class Telemetry
{
    private static readonly Meter ProcessMeter = new(WhisperDiagnostics.MeterName, WhisperDiagnostics.Version);
    private static readonly ConditionalWeakTable<Meter, Telemetry> All = [];

    private readonly ConcurrentDictionary<long, WeakReference<WhisperEngine>> engines = new();
    private long lastEngine;

    private Telemetry(Meter meter)
    {
        Jobs = new JobInstruments(meter);
        meter.CreateObservableCounter("whispertrt.engine.windows", () => Observe(stats => stats.Windows), "{window}", "Windows encoded.");
        meter.CreateObservableCounter("whispertrt.engine.steps", () => Observe(stats => stats.Steps), "{step}", "Decode steps.");
        meter.CreateObservableCounter("whispertrt.engine.step_rows", () => Observe(stats => stats.StepRows), "{row}", "Rows in all decode steps.");
        meter.CreateObservableGauge(
            "whispertrt.engine.rows_per_step", () => Observe(stats => stats.MeanBatch), "{row}", "Mean rows of a decode step since the engine was made.");
    }

    internal JobInstruments Jobs { get; }

    /// <summary>Those of the factory's meter; without a factory, those of the process.</summary>
    internal static Telemetry For(IMeterFactory? factory)
    {
        Meter meter = factory is null
            ? ProcessMeter
            : factory.Create(new MeterOptions(WhisperDiagnostics.MeterName) { Version = WhisperDiagnostics.Version });
        return All.GetValue(meter, static made => new Telemetry(made));
    }

    /// <summary>Lets an engine be observed; the number returned is its own among those of the meter.</summary>
    internal long Add(WhisperEngine engine)
    {
        long id = Interlocked.Increment(ref lastEngine);
        engines[id] = new WeakReference<WhisperEngine>(engine);
        return id;
    }

    internal void Remove(long id) => engines.TryRemove(id, out _);

    private IEnumerable<Measurement<T>> Observe<T>(Func<EngineStatistics, T> read)
        where T : struct
    {
        foreach ((long id, WeakReference<WhisperEngine> reference) in engines)
        {
            if (!reference.TryGetTarget(out WhisperEngine? engine))
            {
                Remove(id);
            }
            else if (engine.TryGetStatistics() is { } statistics)
            {
                yield return new Measurement<T>(
                    read(statistics),
                    new KeyValuePair<string, object?>("whispertrt.model", engine.ModelInfo.Name),
                    new KeyValuePair<string, object?>("whispertrt.engine.id", id));
            }
        }
    }
}
