using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>What a finished transcription made. Immutable and thread-safe. Disposing is optional; it frees native memory earlier.</summary>
public sealed unsafe class Transcript : IDisposable
{
    private static readonly WriteOptions Plain = new();

    private readonly ResultHandle handle;
    private readonly Lazy<IReadOnlyList<Segment>> segments;
    private readonly Lazy<IReadOnlyList<Attempt>> attempts;

    internal Transcript(ResultHandle handle, string? detectedLanguage)
    {
        this.handle = handle;
        DetectedLanguage = detectedLanguage;
        byte* text;
        long size;
        double seconds;
        using HandleLease lease = new(handle);
        NativeError.ThrowIfFailed(NativeMethods.ResultGetText(handle, &text, &size));
        Text = Utf8.Read(text, size);
        NativeError.ThrowIfFailed(NativeMethods.ResultGetLanguage(handle, &text, &size));
        Language = Utf8.Read(text, size);
        NativeError.ThrowIfFailed(NativeMethods.ResultGetDuration(handle, &seconds));
        Duration = TimeSpan.FromSeconds(seconds);
        NativeError.ThrowIfFailed(NativeMethods.ResultGetSpeechDuration(handle, &seconds));
        SpeechDuration = TimeSpan.FromSeconds(seconds);
        float* probabilities;
        NativeError.ThrowIfFailed(NativeMethods.ResultGetLanguageProbabilities(handle, &probabilities, &size));
        LanguageProbabilities = new ReadOnlySpan<float>(probabilities, checked((int)size)).ToArray();
        segments = new Lazy<IReadOnlyList<Segment>>(ReadSegments);
        attempts = new Lazy<IReadOnlyList<Attempt>>(ReadAttempts);
    }

    /// <summary>The whole text.</summary>
    public string Text { get; }

    /// <summary>Code of the language, given or detected.</summary>
    public string Language { get; }

    /// <summary>Code of the language if it was detected; <see langword="null"/> if it was given.</summary>
    public string? DetectedLanguage { get; }

    /// <summary>
    /// How probable each of the model's languages was when the language was first detected, in the order of <see cref="WhisperModel.Languages"/>;
    /// empty if nothing was detected.
    /// </summary>
    public IReadOnlyList<float> LanguageProbabilities { get; }

    /// <summary>Length of the audio.</summary>
    public TimeSpan Duration { get; }

    /// <summary>How much of it was transcribed: less than all with <see cref="TranscribeOptions.Vad"/>.</summary>
    public TimeSpan SpeechDuration { get; }

    /// <summary>All segments.</summary>
    /// <exception cref="ObjectDisposedException">Disposed before they were first asked for.</exception>
    public IReadOnlyList<Segment> Segments => segments.Value;

    /// <summary>Every attempt at every window, in order: why each was tried again, kept or skipped.</summary>
    /// <exception cref="ObjectDisposedException">Disposed before they were first asked for.</exception>
    public IReadOnlyList<Attempt> Attempts => attempts.Value;

    /// <summary>The transcript as a file's content, as openai/whisper writes it.</summary>
    /// <param name="format">The format.</param>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public string Write(OutputFormat format) => Write(format, Plain);

    /// <summary>The transcript as a file's content, as openai/whisper writes it.</summary>
    /// <param name="format">The format.</param>
    /// <param name="options">How words are laid out, and what else is written.</param>
    /// <exception cref="InvalidOptionException">An option is out of range; the message names it.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public string Write(OutputFormat format, WriteOptions options)
    {
        using TextHandle text = WriteNative(format, options);
        return Utf8.Read(NativeMethods.TextData(text), NativeMethods.TextSize(text));
    }

    /// <summary>Writes the transcript as a file's content, byte for byte as openai/whisper writes it.</summary>
    /// <param name="format">The format.</param>
    /// <param name="destination">Receives UTF-8.</param>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public void Write(OutputFormat format, Stream destination) => Write(format, destination, Plain);

    /// <summary>Writes the transcript as a file's content, byte for byte as openai/whisper writes it.</summary>
    /// <param name="format">The format.</param>
    /// <param name="destination">Receives UTF-8.</param>
    /// <param name="options">How words are laid out, and what else is written.</param>
    /// <exception cref="InvalidOptionException">An option is out of range; the message names it.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public void Write(OutputFormat format, Stream destination, WriteOptions options)
    {
        ArgumentNullException.ThrowIfNull(destination);
        using TextHandle text = WriteNative(format, options);
        using HandleLease lease = new(text);
        destination.Write(new ReadOnlySpan<byte>(NativeMethods.TextData(text), checked((int)NativeMethods.TextSize(text))));
    }

    /// <summary>Frees the native memory. Idempotent.</summary>
    public void Dispose() => handle.Dispose();

    private TextHandle WriteNative(OutputFormat format, WriteOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        NativeWriteOptions native;
        NativeMethods.WriteOptionsInit(&native, (uint)sizeof(NativeWriteOptions));
        OptionConversion.Apply(options, ref native);
        NativeError.ThrowIfFailed(NativeMethods.ResultWriteWithOptions(handle, (int)format, &native, out TextHandle text));
        return text;
    }

    private Segment[] ReadSegments()
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        NativeSegment* first;
        long count;
        using HandleLease lease = new(handle);
        NativeError.ThrowIfFailed(NativeMethods.ResultGetSegments(handle, &first, &count));
        return SegmentReader.ReadAll(first, count);
    }

    private Attempt[] ReadAttempts()
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        NativeAttempt* first;
        long count;
        using HandleLease lease = new(handle);
        NativeError.ThrowIfFailed(NativeMethods.ResultGetAttempts(handle, &first, &count));
        return SegmentReader.ReadAll(first, count);
    }
}
