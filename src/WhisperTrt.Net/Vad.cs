using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>A stretch of speech: 16 kHz samples from <paramref name="StartSample"/> up to, not including, <paramref name="EndSample"/>.</summary>
/// <param name="StartSample">First sample.</param>
/// <param name="EndSample">Sample after the last.</param>
public readonly record struct SpeechSpan(long StartSample, long EndSample)
{
    private const long TicksPerSample = TimeSpan.TicksPerSecond / 16_000;

    /// <summary>Where it begins.</summary>
    public TimeSpan Start => new(StartSample * TicksPerSample);

    /// <summary>Where it ends.</summary>
    public TimeSpan End => new(EndSample * TicksPerSample);
}

/// <summary>Where speech was found in a recording.</summary>
public sealed record DetectedSpeech
{
    /// <summary>The spans in order, none overlapping.</summary>
    public required IReadOnlyList<SpeechSpan> Spans { get; init; }

    /// <summary>Probability of speech of each frame of 512 samples (32 ms).</summary>
    public required IReadOnlyList<float> Probabilities { get; init; }

    /// <summary>Length of the audio.</summary>
    public required TimeSpan Duration { get; init; }
}

/// <summary>Voice activity detection without a transcription; needs no model.</summary>
public static unsafe class Vad
{
    /// <summary>Finds the speech in a recording, on the calling thread.</summary>
    /// <param name="audio">Any but <see cref="Audio.Pushed"/>.</param>
    /// <param name="options">How speech is told from silence.</param>
    /// <exception cref="WhisperException">The audio cannot be read, or an option is out of range.</exception>
    public static DetectedSpeech DetectSpeech(Audio audio, VadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(audio);
        NativeLoader.EnsureLoaded();
        NativeVadOptions native;
        NativeMethods.VadOptionsInit(&native, (uint)sizeof(NativeVadOptions));
        OptionConversion.Apply(options ?? new VadOptions(), ref native);
        NativeVadOptions* how = &native;
        using SpeechHandle speech = AudioConversion.With(audio is Audio.StreamAudio stream ? stream.Read() : audio, sound =>
        {
            NativeError.ThrowIfFailed(NativeMethods.DetectSpeech(sound, how, out SpeechHandle found), aboutAudio: true);
            return found;
        });
        return Read(speech);
    }

    private static DetectedSpeech Read(SpeechHandle speech)
    {
        NativeSpeechSpan* first;
        float* probabilities;
        long spanCount, frameCount;
        double seconds;
        NativeError.ThrowIfFailed(NativeMethods.SpeechGetSpans(speech, &first, &spanCount));
        NativeError.ThrowIfFailed(NativeMethods.SpeechGetProbabilities(speech, &probabilities, &frameCount));
        NativeError.ThrowIfFailed(NativeMethods.SpeechGetDuration(speech, &seconds));
        var spans = new SpeechSpan[spanCount];
        byte* at = (byte*)first;
        for (long i = 0; i < spanCount; i++)
        {
            var span = (NativeSpeechSpan*)at;
            spans[i] = new SpeechSpan(span->Start, span->End);
            at += span->StructSize;
        }

        return new DetectedSpeech
        {
            Spans = spans,
            Probabilities = new ReadOnlySpan<float>(probabilities, checked((int)frameCount)).ToArray(),
            Duration = TimeSpan.FromSeconds(seconds),
        };
    }
}
