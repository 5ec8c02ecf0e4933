namespace WhisperTrt;

/// <summary>How an engine is laid out.</summary>
public sealed record EngineOptions
{
    /// <summary>Rows of a decode step and windows in flight, 1..256.</summary>
    public int MaxBatch { get; init; } = 16;

    /// <summary>Transcriptions that may wait or run, 1..1,000,000; more are refused with <see cref="EngineBusyException"/>.</summary>
    public int MaxQueuedJobs { get; init; } = 1024;

    /// <summary>
    /// Cap in bytes on what the engine takes beside the weights; <see langword="null"/>: none. The engine lowers
    /// <see cref="MaxBatch"/> until it fits, and a cap too small for one row is refused with <see cref="WhisperOutOfMemoryException"/>.
    /// </summary>
    public long? MemoryLimit { get; init; }

    /// <summary>
    /// GPUs: most of the memory that is free when the engine is made that its KV caches may take, above 0 and at most 1. Lowers
    /// <see cref="MaxBatch"/> like <see cref="MemoryLimit"/>.
    /// </summary>
    public double KvCacheFreeGpuMemoryFraction { get; init; } = 0.9;

    /// <summary>
    /// GPUs: of what KV caches may take, the part that the cross-attention's may, above 0 and below 1; <see langword="null"/>: as they need.
    /// </summary>
    public double? CrossKvCacheFraction { get; init; }
}
