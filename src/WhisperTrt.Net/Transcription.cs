using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>
/// A transcription under way. <see cref="ReadSegmentsAsync"/> gives its segments as they come, <see cref="ToEndAsync"/> the whole. A transcription
/// whose segments nobody reads pauses after <see cref="TranscribeOptions.MaxPendingSegments"/> of them. Thread-safe.
/// </summary>
public sealed class Transcription : IAsyncDisposable
{
    // The engine's credit bounds it: no more segments are made than may wait unread.
    private readonly Channel<SegmentEvent> segments =
        Channel.CreateUnbounded<SegmentEvent>(new UnboundedChannelOptions { SingleWriter = true, AllowSynchronousContinuations = false });

    private readonly TaskCompletionSource<Transcript> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock gate = new();
    private readonly WhisperEngine engine;
    private readonly ProgressRelay? progress;
    private readonly JobTelemetry? telemetry;
    private readonly Action<Exception?>? ended;
    private SafeHandle? source;
    private JobHandle? job;
    private CancellationTokenRegistration lifetime;
    private CancellationToken cancelledBy;
    private bool cancelRequested;
    private Action? end;
    private volatile bool discard;
    private volatile Detection? detected;
    private int reading;

    /// <param name="engine">Kept alive while the transcription runs.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="audio">The sound; what it is read from is kept open until the end.</param>
    /// <param name="telemetry">Told how it ends.</param>
    /// <param name="ended">Called with what it failed with, if anything, before anybody else sees its end.</param>
    internal Transcription(
        WhisperEngine engine, IProgress<TranscribeProgress>? progress, Audio audio, JobTelemetry? telemetry, Action<Exception?>? ended)
    {
        this.engine = engine;
        this.telemetry = telemetry;
        this.ended = ended;
        this.progress = progress is null ? null : new ProgressRelay(progress);
        SafeHandle? source = (audio as Audio.DescriptorAudio)?.Descriptor;
        bool added = false;
        source?.DangerousAddRef(ref added);
        this.source = source;
    }

    /// <summary>Code of the language detected; <see langword="null"/> before that, and if the language was given.</summary>
    public string? DetectedLanguage => detected?.Code;

    /// <summary>How probable that language is, among those it was chosen from; <see langword="null"/> where there is none.</summary>
    public double? DetectedLanguageProbability => detected?.Probability;

    internal bool ReportsProgress => progress is not null;

    /// <summary>Adds samples to a transcription of <see cref="Audio.Pushed"/>.</summary>
    /// <param name="samples">16 kHz mono samples in [-1, 1]; copied.</param>
    /// <exception cref="InvalidOptionException">After <see cref="End"/>, or for other audio.</exception>
    /// <exception cref="EngineClosedException">The transcription has ended: it was cancelled, it failed, or the engine was disposed.</exception>
    /// <exception cref="ObjectDisposedException">The transcription was disposed.</exception>
    public unsafe void Push(ReadOnlySpan<float> samples)
    {
        fixed (float* first = samples)
        {
            NativeError.ThrowIfFailed(NativeMethods.JobPush(job!, first, samples.Length));
        }
    }

    /// <summary>Ends the audio of a transcription of <see cref="Audio.Pushed"/>. Idempotent.</summary>
    public void End() => NativeError.ThrowIfFailed(NativeMethods.JobEnd(job!));

    /// <summary>
    /// Asks the transcription to stop and returns at once; it ends soon after with <see cref="OperationCanceledException"/>. Idempotent.
    /// </summary>
    public void Cancel() => Cancel(CancellationToken.None);

    /// <summary>The segments as they come; can be enumerated once. Leaving the loop early cancels the transcription and awaits its end.</summary>
    /// <param name="cancellationToken">Cancels the transcription.</param>
    /// <exception cref="OperationCanceledException">The transcription was cancelled.</exception>
    /// <exception cref="WhisperException">The transcription failed.</exception>
    /// <exception cref="InvalidOperationException">They were enumerated or dropped before.</exception>
    public async IAsyncEnumerable<Segment> ReadSegmentsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (LiveText said in ReadLiveAsync(cancellationToken).ConfigureAwait(false))
        {
            if (said.IsStable)
            {
                yield return said.Segment;
            }
        }
    }

    /// <summary>
    /// Waits for the end and gives the whole transcript. Segments that nobody enumerated are dropped here; the transcript has them all.
    /// </summary>
    /// <param name="cancellationToken">Cancels the transcription.</param>
    /// <exception cref="OperationCanceledException">The transcription was cancelled.</exception>
    /// <exception cref="WhisperException">The transcription failed.</exception>
    public async Task<Transcript> ToEndAsync(CancellationToken cancellationToken = default)
    {
        using CancellationTokenRegistration registration = CancelWith(cancellationToken);
        if (Volatile.Read(ref reading) == 0)
        {
            Discard();
        }

        return await completion.Task.ConfigureAwait(false);
    }

    /// <summary>Cancels what still runs and awaits its end.</summary>
    public async ValueTask DisposeAsync()
    {
        Cancel();
        Discard();
        await ((Task)completion.Task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await lifetime.DisposeAsync().ConfigureAwait(false);
        job?.Dispose();
    }

    /// <summary>Starts a transcription, gives its segments as they come, and ends it.</summary>
    internal static async IAsyncEnumerable<Segment> SegmentsOf(
        Func<CancellationToken, ValueTask<Transcription>> start, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Transcription transcription = await start(cancellationToken).ConfigureAwait(false);
        await using (transcription.ConfigureAwait(false))
        {
            await foreach (Segment segment in transcription.ReadSegmentsAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return segment;
            }
        }
    }

    /// <summary>The whole transcript of a transcription that is started, and its end.</summary>
    internal static async Task<Transcript> TranscriptOf(ValueTask<Transcription> start)
    {
        Transcription transcription = await start.ConfigureAwait(false);
        await using (transcription.ConfigureAwait(false))
        {
            return await transcription.ToEndAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>The same with the tentative text of a live transcription, but for what was replaced before it was read.</summary>
    internal async IAsyncEnumerable<LiveText> ReadLiveAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref reading, 1) != 0 || discard)
        {
            throw new InvalidOperationException("The segments of a transcription can be enumerated once. The transcript of ToEndAsync has them all.");
        }

        using CancellationTokenRegistration registration = CancelWith(cancellationToken);
        try
        {
            while (await segments.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
            {
                while (segments.Reader.TryRead(out SegmentEvent? arrived))
                {
                    LiveText said = Take(arrived);
                    cancellationToken.ThrowIfCancellationRequested();
                    if (said.IsStable || !segments.Reader.TryPeek(out SegmentEvent? next) || next.IsStable)
                    {
                        yield return said;
                    }
                }
            }
        }
        finally
        {
            // Whatever ended the loop: when it is over, so is the work for it.
            if (!completion.Task.IsCompleted)
            {
                Cancel(cancellationToken);
            }

            Discard();
            await ((Task)completion.Task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await completion.Task.ConfigureAwait(false);
    }

    /// <summary>The job was handed in: from here on it can be cancelled and its result can be had.</summary>
    internal void Attach(JobHandle handle, CancellationToken cancellationToken)
    {
        Action? missed;
        lock (gate)
        {
            job = handle;
            missed = end;
        }

        missed?.Invoke();
        CancellationTokenRegistration registration = CancelWith(cancellationToken);
        lock (gate)
        {
            lifetime = registration;
        }

        if (completion.Task.IsCompleted)
        {
            Unregister();
        }
    }

    /// <summary>The job could not be handed in.</summary>
    internal void Abandon() => ReleaseSource();

    internal void OnSegment(SegmentEvent segment)
    {
        // Between the two looks at `discard` a reader may have given up: then its sweep or this one frees the event.
        if (discard || !segments.Writer.TryWrite(segment))
        {
            segment.Dispose();
        }
        else if (discard)
        {
            Sweep();
        }
    }

    internal void OnLanguage(string code, double probability) => detected = new Detection(code, probability);

    internal void OnProgress(double done, double total) =>
        progress?.Post(new TranscribeProgress(TimeSpan.FromSeconds(done), total < 0 ? null : TimeSpan.FromSeconds(total)));

    internal void OnFinished(bool cancelled) => EndWith(() =>
    {
        if (cancelled)
        {
            Fail(WhyCancelled());
            return;
        }

        try
        {
            NativeError.ThrowIfFailed(NativeMethods.JobGetResult(job!, out ResultHandle result));
            Succeed(new Transcript(result, detected?.Code));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            Fail(error);
        }
    });

    internal void OnFailed(WhisperErrorCode code, string message) =>
        EndWith(() => Fail(code == WhisperErrorCode.Cancelled ? WhyCancelled() : NativeError.ToException(code, message, aboutAudio: true)));

    /// <summary>A job's last event can overtake the return of the call that handed it in; then <see cref="Attach"/> does it.</summary>
    private void EndWith(Action action)
    {
        lock (gate)
        {
            end = action;
            if (job is null)
            {
                return;
            }
        }

        action();
    }

    private void ReleaseSource() => Interlocked.Exchange(ref source, null)?.DangerousRelease();

    /// <summary>A token that outlives the transcription must not keep it.</summary>
    private void Unregister()
    {
        lock (gate)
        {
            lifetime.Unregister();
        }
    }

    // It is measured first: whoever awaits the end finds it counted.
    private void Succeed(Transcript transcript)
    {
        ReleaseSource();
        telemetry?.Finish(transcript);
        ended?.Invoke(null);
        completion.TrySetResult(transcript);
        segments.Writer.TryComplete();
        Unregister();
    }

    private void Fail(Exception error)
    {
        ReleaseSource();
        telemetry?.Fail(error);
        ended?.Invoke(error);
        completion.TrySetException(error);

        // Nobody may ever look at it: an error that was not looked at is no error of the process.
        _ = completion.Task.Exception;
        segments.Writer.TryComplete();
        Unregister();
    }

    private Exception WhyCancelled()
    {
        lock (gate)
        {
            return !cancelRequested && engine.IsClosing
                ? new EngineClosedException("The engine was disposed while the transcription ran.")
                : new OperationCanceledException("The transcription was cancelled.", cancelledBy);
        }
    }

    private CancellationTokenRegistration CancelWith(CancellationToken cancellationToken) =>
        cancellationToken.UnsafeRegister(static (self, token) => ((Transcription)self!).Cancel(token), this);

    private void Cancel(CancellationToken cancellationToken)
    {
        JobHandle? handle;
        lock (gate)
        {
            if (!cancelRequested)
            {
                cancelRequested = true;
                cancelledBy = cancellationToken;
            }

            handle = job;
        }

        if (handle is { IsClosed: false } && !completion.Task.IsCompleted)
        {
            try
            {
                NativeMethods.JobCancel(handle);
            }
            catch (ObjectDisposedException)
            {
                // Disposed meanwhile: it has ended.
            }
        }
    }

    private static LiveText Take(SegmentEvent arrived)
    {
        using (arrived)
        {
            return arrived.Read();
        }
    }

    private void Discard()
    {
        discard = true;
        Sweep();
    }

    private void Sweep()
    {
        while (segments.Reader.TryRead(out SegmentEvent? unread))
        {
            unread.Dispose();
        }
    }

    private sealed record Detection(string Code, double Probability);
}
