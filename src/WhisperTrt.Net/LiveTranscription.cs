namespace WhisperTrt;

/// <summary>What a live transcription says next.</summary>
/// <param name="IsStable">
/// Stable text stays and follows on the stable text before it. Tentative text may change: it replaces the last tentative text.
/// </param>
/// <param name="Segment">The words with their times; its text may be empty where nothing is tentative any more.</param>
public sealed record LiveText(bool IsStable, Segment Segment)
{
    /// <summary>What was said.</summary>
    public string Text => Segment.Text;
}

/// <summary>
/// A transcription of speech while it is spoken, made by <see cref="WhisperEngine.OpenStream"/>. Thread-safe: one thread may push while another one reads.
/// </summary>
public sealed class LiveTranscription : IAsyncDisposable
{
    private readonly Transcription transcription;

    internal LiveTranscription(Transcription transcription) => this.transcription = transcription;

    /// <inheritdoc cref="Transcription.DetectedLanguage"/>
    public string? DetectedLanguage => transcription.DetectedLanguage;

    /// <inheritdoc cref="Transcription.DetectedLanguageProbability"/>
    public double? DetectedLanguageProbability => transcription.DetectedLanguageProbability;

    /// <summary>Adds samples as they were spoken; never waits.</summary>
    /// <param name="samples">16 kHz mono samples in [-1, 1]; copied.</param>
    /// <exception cref="InvalidOptionException">After <see cref="Complete"/>, or where the audio comes from a descriptor.</exception>
    /// <exception cref="EngineClosedException">The transcription has ended: it was cancelled, it failed, or the engine was disposed.</exception>
    /// <exception cref="ObjectDisposedException">The transcription was disposed.</exception>
    public void Push(ReadOnlyMemory<float> samples) => transcription.Push(samples.Span);

    /// <summary>Ends the audio: what is tentative becomes stable, and <see cref="ReadAsync"/> ends behind it. Idempotent.</summary>
    public void Complete() => transcription.End();

    /// <inheritdoc cref="Transcription.Cancel()"/>
    public void Cancel() => transcription.Cancel();

    /// <summary>
    /// Stable and tentative text as it comes, until the end of the audio; can be enumerated once. Leaving the loop early cancels the
    /// transcription and awaits its end. Who reads slowly gets only the newest tentative text.
    /// </summary>
    /// <param name="cancellationToken">Cancels the transcription.</param>
    /// <exception cref="OperationCanceledException">The transcription was cancelled.</exception>
    /// <exception cref="WhisperException">The transcription failed.</exception>
    /// <exception cref="InvalidOperationException">It was enumerated before.</exception>
    public IAsyncEnumerable<LiveText> ReadAsync(CancellationToken cancellationToken = default) => transcription.ReadLiveAsync(cancellationToken);

    /// <summary>Waits for the end, after <see cref="Complete"/>, and gives the whole transcript: all that was stable.</summary>
    /// <param name="cancellationToken">Cancels the transcription.</param>
    /// <exception cref="OperationCanceledException">The transcription was cancelled.</exception>
    /// <exception cref="WhisperException">The transcription failed.</exception>
    public Task<Transcript> ToEndAsync(CancellationToken cancellationToken = default) => transcription.ToEndAsync(cancellationToken);

    /// <summary>Cancels what still runs and awaits its end.</summary>
    public ValueTask DisposeAsync() => transcription.DisposeAsync();
}
