using System.Runtime.InteropServices;
using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>Hands a job to an engine.</summary>
internal static unsafe class JobSubmission
{
    internal static JobHandle Submit(
        EngineHandle engine, QueueHandle queue, Audio audio, TranscribeOptions options, ulong tag, bool reportProgress)
    {
        NativeTranscribeOptions native;
        NativeMethods.TranscribeOptionsInit(&native, (uint)sizeof(NativeTranscribeOptions));
        using Utf8Arena arena = new();
        OptionConversion.Apply(options, ref native, arena);
        native.Tag = tag;
        native.ReportProgress = reportProgress ? 1 : 0;
        switch (audio)
        {
            case Audio.FileAudio file:
                byte* path = arena.Add(file.Path, out long size);
                return Submit(engine, queue, NativeAudioKind.Path, path, size, &native);
            case Audio.BytesAudio bytes:
                return SubmitMemory(engine, queue, NativeAudioKind.Bytes, bytes.Content.Span, &native);
            case Audio.SampleAudio samples:
                return SubmitMemory(engine, queue, NativeAudioKind.Samples, MemoryMarshal.AsBytes(samples.Samples.Span), &native);
            case Audio.DescriptorAudio descriptor:
                NativeAudioKind kind = descriptor.Raw ? NativeAudioKind.DescriptorRaw : NativeAudioKind.Descriptor;
                return Submit(engine, queue, kind, null, descriptor.Descriptor.DangerousGetHandle(), &native);
            default:
                return Submit(engine, queue, NativeAudioKind.Pushed, null, 0, &native);
        }
    }

    private static JobHandle SubmitMemory(
        EngineHandle engine, QueueHandle queue, NativeAudioKind kind, ReadOnlySpan<byte> content, NativeTranscribeOptions* options)
    {
        // Nothing is still something that can be pointed at.
        float nothing = 0;
        fixed (byte* first = content)
        {
            return Submit(engine, queue, kind, first is null ? &nothing : first, content.Length, options);
        }
    }

    private static JobHandle Submit(
        EngineHandle engine, QueueHandle queue, NativeAudioKind kind, void* data, long size, NativeTranscribeOptions* options)
    {
        NativeAudio audio = new() { StructSize = (uint)sizeof(NativeAudio), Kind = (int)kind, Data = data, Size = size };
        NativeError.ThrowIfFailed(NativeMethods.EngineSubmit(engine, queue, &audio, options, out JobHandle job), aboutAudio: true);
        return job;
    }
}
