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
}
