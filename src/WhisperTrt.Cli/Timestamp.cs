using System.Globalization;

namespace WhisperTrt.Cli;

/// <summary>Times as openai/whisper prints them: hours only when there are any, milliseconds after a dot.</summary>
internal static class Timestamp
{
    internal static string Format(TimeSpan time)
    {
        // Rounded half to even, as Python rounds.
        long milliseconds = (long)Math.Round(time.TotalMilliseconds, MidpointRounding.ToEven);
        (long hours, milliseconds) = Math.DivRem(milliseconds, 3_600_000);
        (long minutes, milliseconds) = Math.DivRem(milliseconds, 60_000);
        (long seconds, milliseconds) = Math.DivRem(milliseconds, 1_000);
        return hours > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{hours:00}:{minutes:00}:{seconds:00}.{milliseconds:000}")
            : string.Create(CultureInfo.InvariantCulture, $"{minutes:00}:{seconds:00}.{milliseconds:000}");
    }

    /// <summary>A segment's line. The text brings its own leading space.</summary>
    internal static string Line(Segment segment) => $"[{Format(segment.Start)} --> {Format(segment.End)}] {segment.Text}";
}
