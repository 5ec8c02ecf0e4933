using System.CommandLine;
using System.CommandLine.Parsing;

namespace WhisperTrt.Cli;

/// <summary>The options that tell speech from silence, by faster-whisper's names, shared by <c>transcribe</c> and <c>vad</c>.</summary>
internal sealed class VadSettings
{
    private readonly Setting<double> threshold = Options.Double("--vad_threshold", 0.5, "speech begins at this probability");
    private readonly Setting<double?> negThreshold = Options.OptionalDouble("--vad_neg_threshold", null, "silence begins below this probability; None: 0.15 below --vad_threshold");
    private readonly Setting<int> minSpeech = Options.Int("--vad_min_speech_duration_ms", 0, "speech that is not longer is dropped");
    private readonly Setting<double> maxSpeech = Options.DoubleOrInfinity("--vad_max_speech_duration_s", "speech that is longer is cut, at a pause if it has one");
    private readonly Setting<int> minSilence = Options.Int("--vad_min_silence_duration_ms", 2000, "silence that is shorter does not end speech");
    private readonly Setting<int> speechPad = Options.Int("--vad_speech_pad_ms", 400, "added to speech on either side");

    internal IEnumerable<Option<string?>> All =>
        [threshold.Option, negThreshold.Option, minSpeech.Option, maxSpeech.Option, minSilence.Option, speechPad.Option];

    internal VadOptions Of(ParseResult result) => new()
    {
        Threshold = threshold.Of(result),
        NegativeThreshold = negThreshold.Of(result),
        MinSpeechDuration = TimeSpan.FromMilliseconds(minSpeech.Of(result)),
        MaxSpeechDuration = Limit(maxSpeech.Of(result)),
        MinSilenceDuration = TimeSpan.FromMilliseconds(minSilence.Of(result)),
        SpeechPad = TimeSpan.FromMilliseconds(speechPad.Of(result)),
    };

    /// <summary>A limit that no recording reaches is none.</summary>
    private static TimeSpan? Limit(double seconds) => seconds < 1e9 ? TimeSpan.FromSeconds(seconds) : null;
}
