namespace WhisperTrt;

/// <summary>What <see cref="WhisperModel.Bench"/> measures.</summary>
public sealed record BenchOptions
{
    /// <summary>Numbers of windows encoded together, and of rows in a step.</summary>
    public IReadOnlyList<int> Batches { get; init; } = [1, 8, 32];

    /// <summary>Beams of the beam search that is measured.</summary>
    public int Beams { get; init; } = 5;

    /// <summary>Tokens in the self-attention KV cache when steps are timed.</summary>
    public int CachedTokens { get; init; } = 100;

    /// <summary>Tokens decoded for each of the whole windows.</summary>
    public int WindowTokens { get; init; } = 100;

    /// <summary>Runs of each, of which the median counts.</summary>
    public int Repetitions { get; init; } = 15;

    /// <summary>10^12 operations that the device can do in a second: what floors are made of; 0: no floors.</summary>
    public double TeraFlops { get; init; }

    /// <summary>10^12 bytes that the device can move in a second; 0: no floors.</summary>
    public double TeraBytes { get; init; }
}
