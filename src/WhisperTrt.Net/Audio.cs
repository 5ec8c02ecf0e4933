using Microsoft.Win32.SafeHandles;

namespace WhisperTrt;

/// <summary>The sound to transcribe. Immutable, and usable for several transcriptions unless said otherwise.</summary>
public abstract class Audio
{
    private protected Audio()
    {
    }

    /// <summary>An audio or video file.</summary>
    /// <param name="path">Its path.</param>
    public static Audio FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new FileAudio(path);
    }

    /// <summary>An encoded audio or video file in memory.</summary>
    /// <param name="content">The file's bytes; read when a transcription starts and not afterwards.</param>
    public static Audio FromBytes(ReadOnlyMemory<byte> content) => new BytesAudio(content);

    /// <summary>
    /// An encoded audio or video file, read to its end into memory when the transcription starts. For what does not fit into memory or must
    /// be transcribed while it arrives, see <see cref="FromDescriptor"/> and <see cref="Pushed"/>. Good for one transcription.
    /// </summary>
    /// <param name="stream">The stream, read from where it stands; not disposed.</param>
    public static Audio FromStream(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanRead)
        {
            throw new ArgumentException("The stream cannot be read.", nameof(stream));
        }

        return new StreamAudio(stream);
    }

    /// <summary>Samples in memory.</summary>
    /// <param name="samples">16 kHz mono samples in [-1, 1]; read when a transcription starts and not afterwards.</param>
    public static Audio FromSamples(ReadOnlyMemory<float> samples) => new SampleAudio(samples);

    /// <summary>
    /// An open file descriptor: a pipe, a socket, standard input. It is read while the transcription runs, and kept open until its end.
    /// Good for one transcription.
    /// </summary>
    /// <param name="descriptor">The descriptor; not closed.</param>
    /// <param name="raw">
    /// Whether it carries raw 16 kHz mono signed 16-bit little-endian samples; otherwise it carries a container that can be read front to back.
    /// </param>
    public static Audio FromDescriptor(SafeFileHandle descriptor, bool raw = false)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return new DescriptorAudio(descriptor, raw);
    }

    /// <summary>
    /// Samples that come later, by <see cref="Transcription.Push"/> and <see cref="Transcription.End"/>: a microphone, a call.
    /// </summary>
    public static Audio Pushed { get; } = new PushedAudio();

    internal sealed class FileAudio(string path) : Audio
    {
        internal string Path { get; } = path;
    }

    internal sealed class BytesAudio(ReadOnlyMemory<byte> content) : Audio
    {
        internal ReadOnlyMemory<byte> Content { get; } = content;
    }

    internal sealed class StreamAudio(Stream stream) : Audio
    {
        internal Audio Read()
        {
            MemoryStream buffer = new();
            stream.CopyTo(buffer);
            return new BytesAudio(buffer.GetBuffer().AsMemory(0, checked((int)buffer.Length)));
        }

        internal async ValueTask<Audio> ReadAsync(CancellationToken cancellationToken)
        {
            MemoryStream buffer = new();
            await stream.CopyToAsync(buffer, cancellationToken).ConfigureAwait(false);
            return new BytesAudio(buffer.GetBuffer().AsMemory(0, checked((int)buffer.Length)));
        }
    }

    internal sealed class SampleAudio(ReadOnlyMemory<float> samples) : Audio
    {
        internal ReadOnlyMemory<float> Samples { get; } = samples;
    }

    internal sealed class DescriptorAudio(SafeFileHandle descriptor, bool raw) : Audio
    {
        internal SafeFileHandle Descriptor { get; } = descriptor;

        internal bool Raw { get; } = raw;
    }

    internal sealed class PushedAudio : Audio;
}
