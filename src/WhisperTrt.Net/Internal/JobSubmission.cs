using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>Hands a job to an engine.</summary>
internal static unsafe class JobSubmission
{
    internal static JobHandle Submit(
        EngineHandle engine, QueueHandle queue, Audio audio, TranscribeOptions options, ulong tag, bool reportProgress, bool live)
    {
        NativeTranscribeOptions native;
        NativeVadOptions vad;
        NativeMethods.TranscribeOptionsInit(&native, (uint)sizeof(NativeTranscribeOptions));
        using Utf8Arena arena = new();
        OptionConversion.Apply(options, ref native, arena);
        native.Tag = tag;
        native.ReportProgress = reportProgress ? 1 : 0;
        native.Live = live ? 1 : 0;
        if (options.Vad is { } filter)
        {
            NativeMethods.VadOptionsInit(&vad, (uint)sizeof(NativeVadOptions));
            OptionConversion.Apply(filter, ref vad);
            native.Vad = &vad;
        }

        NativeTranscribeOptions* how = &native;
        return AudioConversion.With(audio, sound =>
        {
            NativeError.ThrowIfFailed(NativeMethods.EngineSubmit(engine, queue, sound, how, out JobHandle job), aboutAudio: true);
            return job;
        });
    }
}
