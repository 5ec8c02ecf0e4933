namespace WhisperTrt;

/// <summary>
/// The names under which the library reports metrics and traces; <c>docs/telemetry.md</c> lists what it reports. Nothing is measured while
/// nobody listens. Listeners are called on threads of the library and must not wait for long.
/// </summary>
public static class WhisperDiagnostics
{
    /// <summary>Name of the <see cref="System.Diagnostics.Metrics.Meter"/>.</summary>
    public const string MeterName = "WhisperTrt";

    /// <summary>Name of the <see cref="System.Diagnostics.ActivitySource"/>; it makes an activity per transcription.</summary>
    public const string ActivitySourceName = "WhisperTrt";

    internal static string? Version { get; } = typeof(WhisperDiagnostics).Assembly.GetName().Version?.ToString(3);
}
