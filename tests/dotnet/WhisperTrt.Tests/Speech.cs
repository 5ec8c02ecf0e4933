namespace WhisperTrt.Tests;

/// <summary>One model for all tests that need one: loading it is not what they test.</summary>
internal static class Speech
{
    private static readonly Lazy<WhisperModel> Shared = new(() => WhisperModel.Load(Repository.Model));

    /// <summary>Longest that anything here may take before a test calls it a hang.</summary>
    internal static TimeSpan Patience { get; } = TimeSpan.FromMinutes(2);

    internal static WhisperModel Model => Shared.Value;

    internal static Audio Clip => Audio.FromFile(Repository.Clips[0]);

    /// <summary>Eleven seconds of speech, repeated: many windows, many segments.</summary>
    internal static Audio Long(int times) => Audio.FromSamples(Repeat(times));

    internal static float[] Repeat(int times) => [.. Enumerable.Repeat(ClipSamples.Value, times).SelectMany(samples => samples)];

    internal static Lazy<float[]> ClipSamples { get; } = new(() => Wave.ReadSamples(Repository.Clips[0]));
}
