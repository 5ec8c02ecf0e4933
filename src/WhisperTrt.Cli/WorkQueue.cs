namespace WhisperTrt.Cli;

/// <summary>
/// One queue before the engines of all devices. Where there are several, none is given more than it soon comes to: the rest goes to whichever
/// is done first, and is not lost with a device.
/// </summary>
internal sealed class WorkQueue(WhisperEngineGroup engines) : IAsyncDisposable
{
    private readonly SemaphoreSlim room = new(engines.Engines.Count == 1 ? int.MaxValue : engines.Engines.Sum(engine => 2 * engine.Memory.MaxBatch));

    /// <summary>Waits for room, then starts a transcription. Once it ended, <see cref="Leave"/> makes room for the next.</summary>
    internal async Task<Transcription> StartAsync(
        Audio audio, TranscribeOptions options, IProgress<TranscribeProgress>? progress, CancellationToken cancellationToken)
    {
        await room.WaitAsync(cancellationToken).ConfigureAwait(false);
        return await engines.StartAsync(audio, options, progress, cancellationToken).ConfigureAwait(false);
    }

    internal void Leave() => room.Release();

    /// <summary>Whoever still follows a transcription may leave after this: the semaphore, which holds nothing of the system's, stays.</summary>
    public ValueTask DisposeAsync() => engines.DisposeAsync();
}
