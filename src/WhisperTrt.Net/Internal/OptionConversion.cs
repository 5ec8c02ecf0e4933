using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>Option records to native structs, which the caller has filled with the library's defaults.</summary>
internal static unsafe class OptionConversion
{
    internal static void Apply(ModelOptions options, ref NativeModelOptions native)
    {
        native.Device = (int)options.Device;
        native.DeviceIndex = options.DeviceIndex;
        native.ComputeType = (int)options.ComputeType;
        native.CpuIsa = (int)options.CpuIsa;
        native.CpuThreads = OrAuto(options.CpuThreads, nameof(ModelOptions.CpuThreads));
    }

    internal static void Apply(EngineOptions options, ref NativeEngineOptions native)
    {
        native.MaxBatch = options.MaxBatch;
        native.MaxQueuedJobs = options.MaxQueuedJobs;
        native.MemoryLimit = OrNone(options.MemoryLimit, nameof(EngineOptions.MemoryLimit));
        native.KvCacheFreeGpuMemoryFraction = options.KvCacheFreeGpuMemoryFraction;
        native.CrossKvCacheFraction = OrOff(options.CrossKvCacheFraction, nameof(EngineOptions.CrossKvCacheFraction));
    }

    internal static void Apply(TranscribeOptions options, ref NativeTranscribeOptions native, Utf8Arena arena)
    {
        native.Task = (int)options.Task;
        native.Language = arena.Add(options.Language, out native.LanguageSize);
        native.InitialPrompt = arena.Add(options.InitialPrompt, out native.InitialPromptSize);
        native.SuppressTokens = arena.Add(options.SuppressTokens, out native.SuppressTokensSize);
        native.ConditionOnPreviousText = options.ConditionOnPreviousText ? 1 : 0;
        native.SuppressBlank = options.SuppressBlank ? 1 : 0;
        native.WithoutTimestamps = options.WithoutTimestamps ? 1 : 0;
        native.MaxNewTokens = OrAuto(options.MaxNewTokens, nameof(TranscribeOptions.MaxNewTokens));
        native.MaxInitialTimestamp = OrOff(options.MaxInitialTimestamp, nameof(TranscribeOptions.MaxInitialTimestamp));
        native.NoSpeechThreshold = OrOff(options.NoSpeechThreshold, nameof(TranscribeOptions.NoSpeechThreshold));
        native.LogprobThreshold = OrOff(options.LogProbThreshold, nameof(TranscribeOptions.LogProbThreshold));
        native.MaxPendingSegments = options.MaxPendingSegments;
        ApplyDecoding(options, ref native, arena);
        native.WordTimestamps = options.WordTimestamps ? 1 : 0;
        native.PrependPunctuations = arena.Add(options.PrependPunctuations, out native.PrependPunctuationsSize);
        native.AppendPunctuations = arena.Add(options.AppendPunctuations, out native.AppendPunctuationsSize);
        native.HallucinationSilenceThreshold =
            OrOff(options.HallucinationSilenceThreshold, nameof(TranscribeOptions.HallucinationSilenceThreshold));
        native.ClipTimestamps = options.ClipTimestamps.Count == 0 ? null : arena.Add(options.ClipTimestamps);
        native.ClipTimestampCount = options.ClipTimestamps.Count;
        native.Languages = arena.Add(options.Languages is { Count: > 0 } some ? string.Join(',', some) : null, out native.LanguagesSize);
        native.LanguageDetectionThreshold = options.LanguageDetectionThreshold;
        native.LanguageDetectionSegments = options.LanguageDetectionSegments;
        native.Multilingual = options.Multilingual ? 1 : 0;
        native.Batched = options.Batched ? 1 : 0;
        native.Channels = (int)options.Channels;
        native.AudioContext = options.AudioContext.Native;
        native.AudioContextTail = options.AudioContextTail;
        native.LiveInterval = options.LiveInterval.TotalSeconds;
    }

    private static void ApplyDecoding(TranscribeOptions options, ref NativeTranscribeOptions native, Utf8Arena arena)
    {
        native.BeamSize = options.BeamSize;
        native.BestOf = options.BestOf;
        native.NoRepeatNgramSize = options.NoRepeatNgramSize;
        native.Patience = options.Patience;
        native.LengthPenalty = OrOff(options.LengthPenalty, nameof(TranscribeOptions.LengthPenalty));
        native.Temperatures = arena.Add(options.Temperatures);
        native.TemperatureCount = options.Temperatures.Count;
        native.CompressionRatioThreshold = OrOff(options.CompressionRatioThreshold, nameof(TranscribeOptions.CompressionRatioThreshold));
        native.RepetitionPenalty = options.RepetitionPenalty;
        native.Seed = options.Seed;
        native.Prefix = arena.Add(options.Prefix, out native.PrefixSize);
        native.Hotwords = arena.Add(options.Hotwords, out native.HotwordsSize);
        native.CarryInitialPrompt = options.CarryInitialPrompt ? 1 : 0;
        native.PromptResetOnTemperature = options.PromptResetOnTemperature;
    }

    internal static void Apply(WriteOptions options, ref NativeWriteOptions native)
    {
        native.MaxLineWidth = OrNone(options.MaxLineWidth, nameof(WriteOptions.MaxLineWidth));
        native.MaxLineCount = OrNone(options.MaxLineCount, nameof(WriteOptions.MaxLineCount));
        native.MaxWordsPerLine = OrNone(options.MaxWordsPerLine, nameof(WriteOptions.MaxWordsPerLine));
        native.HighlightWords = options.HighlightWords ? 1 : 0;
        native.Trace = options.Trace ? 1 : 0;
    }

    internal static void Apply(VadOptions options, ref NativeVadOptions native)
    {
        native.Threshold = options.Threshold;
        native.NegThreshold = OrOff(options.NegativeThreshold, nameof(VadOptions.NegativeThreshold));
        native.MinSpeechDurationMs = Milliseconds(options.MinSpeechDuration, nameof(VadOptions.MinSpeechDuration));
        native.MaxSpeechDurationS = options.MaxSpeechDuration?.TotalSeconds ?? double.PositiveInfinity;
        native.MinSilenceDurationMs = Milliseconds(options.MinSilenceDuration, nameof(VadOptions.MinSilenceDuration));
        native.SpeechPadMs = Milliseconds(options.SpeechPad, nameof(VadOptions.SpeechPad));
    }

    private static int Milliseconds(TimeSpan value, string name) => value.TotalMilliseconds is >= 0 and <= 3_600_000
        ? (int)value.TotalMilliseconds
        : throw new InvalidOptionException($"{name} is {value}; it must be from 0 to an hour.");

    // Null is how these records say "automatic", "none" and "off"; the numbers that say it natively must not slip in by themselves.
    private static int OrAuto(int? value, string name) =>
        value is < 0 ? throw new InvalidOptionException($"{name} is {value}; it must be positive, or null for automatic.") : value ?? NativeConstants.Auto;

    private static long OrNone(long? value, string name) =>
        value is < 0 ? throw new InvalidOptionException($"{name} is {value}; it must be positive, or null for none.") : value ?? NativeConstants.None;

    private static int OrNone(int? value, string name) => (int)OrNone((long?)value, name);

    private static double OrOff(double? value, string name) =>
        value is { } given && double.IsNaN(given) ? throw new InvalidOptionException($"{name} is NaN; use null to switch it off.") : value ?? double.NaN;
}
