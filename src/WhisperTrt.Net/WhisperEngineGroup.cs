using WhisperTrt.Internal;

namespace WhisperTrt;

/// <summary>
/// Several engines as one, such as one on each GPU: a transcription goes to the engine with the fewest under way. One whose device failed ends
/// in <see cref="DeviceException"/>, and its engine is given no more work while another one lives. Thread-safe.
/// </summary>
public sealed class WhisperEngineGroup : IAsyncDisposable
{
    private readonly WhisperEngine[] engines;
    private readonly LeastBusy leastBusy;
    private volatile bool isDisposed;

    /// <summary>Makes one of engines whose models are the same; it disposes them with itself.</summary>
    /// <param name="engines">At least one.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public WhisperEngineGroup(IEnumerable<WhisperEngine> engines)
    {
        this.engines = [.. engines];
        if (this.engines.Length == 0)
        {
            throw new ArgumentException("A group needs at least one engine.", nameof(engines));
        }

        leastBusy = new LeastBusy(this.engines.Length);
    }

    /// <summary>The engines, in the order they were given.</summary>
    public IReadOnlyList<WhisperEngine> Engines => engines;

    /// <inheritdoc cref="WhisperEngine.TranscribeAsync"/>
    public IAsyncEnumerable<Segment> TranscribeAsync(
        Audio audio,
        TranscribeOptions? options = null,
        IProgress<TranscribeProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audio);
        ObjectDisposedException.ThrowIf(isDisposed, this);
        return Transcription.SegmentsOf(cancellation => StartAsync(audio, options, progress, cancellation), cancellationToken);
    }

    /// <inheritdoc cref="WhisperEngine.TranscribeToEndAsync"/>
    public Task<Transcript> TranscribeToEndAsync(
        Audio audio,
        TranscribeOptions? options = null,
        IProgress<TranscribeProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Transcription.TranscriptOf(StartAsync(audio, options, progress, cancellationToken));

    /// <inheritdoc cref="WhisperEngine.StartAsync"/>
    public async ValueTask<Transcription> StartAsync(
        Audio audio,
        TranscribeOptions? options = null,
        IProgress<TranscribeProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        LeastBusy.Work work = leastBusy.Begin();
        try
        {
            return await engines[work.Engine].SubmitAsync(audio, options, progress, work.End, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            work.End(error);
            throw;
        }
    }

    /// <inheritdoc cref="WhisperEngine.OpenStream"/>
    public LiveTranscription OpenStream(
        TranscribeOptions? options = null, Audio? audio = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        LeastBusy.Work work = leastBusy.Begin();
        try
        {
            return engines[work.Engine].SubmitLive(options, audio, work.End, cancellationToken);
        }
        catch (Exception error)
        {
            work.End(error);
            throw;
        }
    }

    /// <summary>Disposes the engines: cancels what runs, waits for its end, and frees what they hold. Idempotent.</summary>
    public async ValueTask DisposeAsync()
    {
        isDisposed = true;
        await Task.WhenAll(engines.Select(engine => engine.DisposeAsync().AsTask())).ConfigureAwait(false);
    }
}
