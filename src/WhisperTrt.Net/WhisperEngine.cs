using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>
/// Transcribes with one model, many recordings at a time: what runs together is computed together. Thread-safe. Made by
/// <see cref="WhisperModel.CreateEngine"/>; it keeps the model's weights alive, even after the model is disposed.
/// </summary>
public sealed class WhisperEngine : IAsyncDisposable, IDisposable
{
    private readonly EngineHandle handle;
    private readonly EventPump pump;
    private readonly Telemetry telemetry;
    private readonly long telemetryId;
    private readonly Lock closing = new();
    private volatile bool isClosing;
    private bool isClosed;

    internal WhisperEngine(EngineHandle handle, ModelInfo model, Telemetry telemetry)
    {
        this.handle = handle;
        this.telemetry = telemetry;
        ModelInfo = model;
        pump = new EventPump();
        telemetryId = telemetry.Add(this);
    }

    internal bool IsClosing => isClosing;

    /// <summary>What the model is that it transcribes with.</summary>
    public ModelInfo ModelInfo { get; }

    /// <summary>What the engine takes in memory.</summary>
    public unsafe MemoryPlan Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(isClosing, this);
            NativeMemoryPlan plan = new() { StructSize = (uint)sizeof(NativeMemoryPlan) };
            NativeError.ThrowIfFailed(NativeMethods.EngineGetMemory(handle, &plan));
            return WhisperModel.ToMemoryPlan(plan);
        }
    }

    /// <summary>What the engine did since it was made.</summary>
    public unsafe EngineStatistics GetStatistics()
    {
        ObjectDisposedException.ThrowIf(isClosing, this);
        NativeEngineStats stats = new() { StructSize = (uint)sizeof(NativeEngineStats) };
        NativeError.ThrowIfFailed(NativeMethods.EngineGetStats(handle, &stats));
        return new EngineStatistics
        {
            Windows = stats.Windows,
            EncoderBatches = stats.EncoderBatches,
            Steps = stats.Steps,
            StepRows = stats.StepRows,
            PrefillTokens = stats.PrefillTokens,
            EncodeTime = TimeSpan.FromSeconds(stats.EncodeSeconds),
            PrefillTime = TimeSpan.FromSeconds(stats.PrefillSeconds),
            StepTime = TimeSpan.FromSeconds(stats.StepSeconds),
        };
    }

    /// <summary>Transcribes, and gives the segments as they come. Leaving the loop early cancels the rest and awaits its end.</summary>
    /// <param name="audio">The sound.</param>
    /// <param name="options">How; <see langword="null"/>: the defaults.</param>
    /// <param name="progress">Told how far it is; called on the thread pool, never twice at once.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="WhisperException">While enumerated: the audio cannot be read, an option is out of range, the queue is full.</exception>
    /// <exception cref="OperationCanceledException">While enumerated: it was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">While enumerated: the engine was disposed before it began.</exception>
    public IAsyncEnumerable<Segment> TranscribeAsync(
        Audio audio,
        TranscribeOptions? options = null,
        IProgress<TranscribeProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(audio);
        ObjectDisposedException.ThrowIf(isClosing, this);
        return Transcription.SegmentsOf(cancellation => StartAsync(audio, options, progress, cancellation), cancellationToken);
    }

    /// <summary>Transcribes to the end and gives the whole transcript.</summary>
    /// <param name="audio">The sound.</param>
    /// <param name="options">How; <see langword="null"/>: the defaults.</param>
    /// <param name="progress">Told how far it is; called on the thread pool, never twice at once.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="WhisperException">The audio cannot be read, an option is out of range, the queue is full.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed before it began.</exception>
    public Task<Transcript> TranscribeToEndAsync(
        Audio audio,
        TranscribeOptions? options = null,
        IProgress<TranscribeProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Transcription.TranscriptOf(StartAsync(audio, options, progress, cancellationToken));

    /// <summary>Starts a transcription and returns once it is queued; for segments and the whole transcript both, and for <see cref="Audio.Pushed"/>.</summary>
    /// <param name="audio">The sound.</param>
    /// <param name="options">How; <see langword="null"/>: the defaults.</param>
    /// <param name="progress">Told how far it is; called on the thread pool, never twice at once.</param>
    /// <param name="cancellationToken">Cancels it, also after this method returned.</param>
    /// <exception cref="InvalidOptionException">An option is out of range; the message names it.</exception>
    /// <exception cref="EngineBusyException">The engine's queue is full.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    public ValueTask<Transcription> StartAsync(
        Audio audio,
        TranscribeOptions? options = null,
        IProgress<TranscribeProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        SubmitAsync(audio, options, progress, ended: null, cancellationToken);

    /// <summary>
    /// Begins to transcribe speech while it is spoken: text comes about every <see cref="TranscribeOptions.LiveInterval"/>, tentative first and
    /// stable once two hypotheses in a row agree on it and two seconds of sound follow it.
    /// </summary>
    /// <param name="options">
    /// How; <see langword="null"/>: the defaults. A language that is given is not waited for. <see cref="TranscribeOptions.Prefix"/> and
    /// <see cref="TranscribeOptions.Vad"/> are refused, and there are no timestamps in the tokens.
    /// </param>
    /// <param name="audio">
    /// <see cref="Audio.Pushed"/> (<see langword="null"/> is the same), for <see cref="LiveTranscription.Push"/>, or <see cref="Audio.FromDescriptor"/>.
    /// </param>
    /// <param name="cancellationToken">Cancels it, also after this method returned.</param>
    /// <exception cref="InvalidOptionException">An option is out of range, or the audio is of another kind.</exception>
    /// <exception cref="UnsupportedException">Options cannot be combined yet.</exception>
    /// <exception cref="EngineBusyException">The engine's queue is full.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed.</exception>
    public LiveTranscription OpenStream(
        TranscribeOptions? options = null, Audio? audio = null, CancellationToken cancellationToken = default) =>
        SubmitLive(options, audio, ended: null, cancellationToken);

    /// <summary>Cancels what runs, waits for its end, and frees what the engine holds. Idempotent; callable at any time, from any thread.</summary>
    public void Dispose()
    {
        lock (closing)
        {
            if (isClosed)
            {
                return;
            }

            isClosing = true;
            nint refused = NativeMethods.EngineClose(handle);
            if (refused != 0)
            {
                // From inside a logger: nothing was closed.
                isClosing = false;
                NativeError.ThrowIfFailed(refused);
            }

            pump.Close();
            telemetry.Remove(telemetryId);
            handle.Dispose();
            isClosed = true;
        }
    }

    /// <summary>
    /// <see cref="StartAsync"/>; <paramref name="ended"/> is called with what the transcription failed with, if anything, before anybody else
    /// sees its end. Not where this method throws.
    /// </summary>
    internal async ValueTask<Transcription> SubmitAsync(
        Audio audio,
        TranscribeOptions? options,
        IProgress<TranscribeProgress>? progress,
        Action<Exception?>? ended,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(audio);
        ObjectDisposedException.ThrowIf(isClosing, this);
        cancellationToken.ThrowIfCancellationRequested();
        options ??= new TranscribeOptions();
        JobTelemetry? job = JobTelemetry.Begin(telemetry.Jobs, ModelInfo, audio is Audio.PushedAudio, options);
        try
        {
            if (audio is Audio.StreamAudio stream)
            {
                audio = await stream.ReadAsync(cancellationToken).ConfigureAwait(false);
            }

            return Start(audio, options, live: false, new Transcription(this, progress, audio, job, ended), cancellationToken);
        }
        catch (Exception error)
        {
            job?.Fail(error);
            throw;
        }
    }

    /// <summary><see cref="OpenStream"/>, with <paramref name="ended"/> as of <see cref="SubmitAsync"/>.</summary>
    internal LiveTranscription SubmitLive(TranscribeOptions? options, Audio? audio, Action<Exception?>? ended, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(isClosing, this);
        cancellationToken.ThrowIfCancellationRequested();
        options ??= new TranscribeOptions();
        audio ??= Audio.Pushed;
        if (audio is Audio.StreamAudio)
        {
            throw new ArgumentException("A stream is read to its end before it is transcribed; read it and push what comes.", nameof(audio));
        }

        JobTelemetry? job = JobTelemetry.Begin(telemetry.Jobs, ModelInfo, live: true, options);
        try
        {
            Transcription transcription = new(this, progress: null, audio, job, ended);
            return new LiveTranscription(Start(audio, options, live: true, transcription, cancellationToken));
        }
        catch (Exception error)
        {
            job?.Fail(error);
            throw;
        }
    }

    /// <summary>The counters, unless the engine is disposed.</summary>
    internal EngineStatistics? TryGetStatistics()
    {
        try
        {
            return GetStatistics();
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    private Transcription Start(
        Audio audio, TranscribeOptions options, bool live, Transcription transcription, CancellationToken cancellationToken)
    {
        ulong tag = pump.Register(transcription);
        JobHandle job;
        try
        {
            job = JobSubmission.Submit(handle, pump.Queue, audio, options, tag, transcription.ReportsProgress, live);
        }
        catch (Exception error)
        {
            pump.Unregister(tag);
            transcription.Abandon();
            if (isClosing && error is EngineClosedException or ObjectDisposedException)
            {
                throw new ObjectDisposedException(GetType().FullName, error);
            }

            throw;
        }

        transcription.Attach(job, cancellationToken);
        return transcription;
    }
}
