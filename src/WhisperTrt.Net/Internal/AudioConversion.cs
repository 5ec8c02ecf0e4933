using System.Runtime.InteropServices;
using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>Shows an <see cref="Audio"/> to the library.</summary>
internal static unsafe class AudioConversion
{
    /// <summary>Uses audio, whose memory stays where it is that long.</summary>
    internal delegate TResult Use<TResult>(NativeAudio* audio);

    internal static TResult With<TResult>(Audio audio, Use<TResult> use)
    {
        switch (audio)
        {
            case Audio.FileAudio file:
                using (Utf8Arena arena = new())
                {
                    byte* path = arena.Add(file.Path, out long size);
                    return With(NativeAudioKind.Path, path, size, use);
                }

            case Audio.BytesAudio bytes:
                return WithMemory(NativeAudioKind.Bytes, bytes.Content.Span, use);
            case Audio.SampleAudio samples:
                return WithMemory(NativeAudioKind.Samples, MemoryMarshal.AsBytes(samples.Samples.Span), use);
            case Audio.DescriptorAudio descriptor:
                NativeAudioKind kind = descriptor.Raw ? NativeAudioKind.DescriptorRaw : NativeAudioKind.Descriptor;
                return With(kind, null, descriptor.Descriptor.DangerousGetHandle(), use);
            default:
                return With(NativeAudioKind.Pushed, null, 0, use);
        }
    }

    private static TResult WithMemory<TResult>(NativeAudioKind kind, ReadOnlySpan<byte> content, Use<TResult> use)
    {
        // Nothing is still something that can be pointed at.
        float nothing = 0;
        fixed (byte* first = content)
        {
            return With(kind, first is null ? &nothing : first, content.Length, use);
        }
    }

    private static TResult With<TResult>(NativeAudioKind kind, void* data, long size, Use<TResult> use)
    {
        NativeAudio audio = new() { StructSize = (uint)sizeof(NativeAudio), Kind = (int)kind, Data = data, Size = size };
        return use(&audio);
    }
}
