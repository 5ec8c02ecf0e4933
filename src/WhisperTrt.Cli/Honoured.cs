using System.Globalization;

namespace WhisperTrt.Cli;

/// <summary>
/// Refuses, by name, what openai/whisper can do and this version cannot: a value that would change the transcript is never ignored.
/// </summary>
internal static class Honoured
{
    internal static void Check(TranscribeSettings settings)
    {
        Decoding(settings);
        Fallback(settings);
        Words(settings);
        Precision(settings);
        TranscribeSettings.ParseDevice(settings.Device);
        if (!IsWholeFile(settings.ClipTimestamps))
        {
            throw NotYet("--clip_timestamps", settings.ClipTimestamps, "use 0: the whole file");
        }

        if (settings.Threads is < 0)
        {
            throw new UsageException($"--threads: {settings.Threads} is below 0; use 0 or None for one thread per core.");
        }
    }

    private static void Decoding(TranscribeSettings settings)
    {
        if (settings.Temperature != 0)
        {
            throw NotYet("--temperature", settings.Temperature, "use 0: greedy decoding");
        }

        if (settings.BeamSize is not (null or 1))
        {
            throw NotYet("--beam_size", settings.BeamSize, "use 1 or None: greedy decoding");
        }

        if (settings.Patience is not null)
        {
            throw NotYet("--patience", settings.Patience, "it belongs to beam search; use None");
        }

        if (settings.LengthPenalty is not null)
        {
            throw NotYet("--length_penalty", settings.LengthPenalty, "it belongs to beam search; use None");
        }

        if (settings.CarryInitialPrompt)
        {
            throw NotYet("--carry_initial_prompt", settings.CarryInitialPrompt, "use False");
        }
    }

    private static void Fallback(TranscribeSettings settings)
    {
        if (settings.TemperatureIncrementOnFallback is not null)
        {
            throw NotYet("--temperature_increment_on_fallback", settings.TemperatureIncrementOnFallback, "use None: no fallback");
        }

        if (settings.CompressionRatioThreshold is not null)
        {
            throw NotYet("--compression_ratio_threshold", settings.CompressionRatioThreshold, "it belongs to the fallback; use None");
        }
    }

    private static void Words(TranscribeSettings settings)
    {
        if (settings.HallucinationSilenceThreshold is not null && !settings.WordTimestamps)
        {
            throw new UsageException("--hallucination_silence_threshold requires --word_timestamps True.");
        }

        string? needsWords =
            settings.HighlightWords ? "--highlight_words"
            : settings.MaxLineWidth is not (null or 0) ? "--max_line_width"
            : settings.MaxLineCount is not (null or 0) ? "--max_line_count"
            : settings.MaxWordsPerLine is not (null or 0) ? "--max_words_per_line"
            : null;
        if (needsWords is not null)
        {
            throw new UsageException($"{needsWords} is not honoured yet; leave it out.");
        }
    }

    private static void Precision(TranscribeSettings settings)
    {
        if (settings.Fp16 is true)
        {
            throw NotYet("--fp16", true, "use False, or --compute_type bfloat16");
        }

        if (settings.Fp16 is false && settings.ComputeType is not (null or ComputeType.Auto or ComputeType.Float32))
        {
            throw new UsageException("--fp16 False asks for float32 and --compute_type for something else; leave one of them out.");
        }
    }

    private static bool IsWholeFile(string? clips) =>
        string.IsNullOrEmpty(clips) || (Options.TryDouble(clips, out double start) && start == 0);

    private static UsageException NotYet(string option, IFormattable? value, string remedy) =>
        NotYet(option, value?.ToString(null, CultureInfo.InvariantCulture), remedy);

    private static UsageException NotYet(string option, bool value, string remedy) => NotYet(option, value.ToString(), remedy);

    private static UsageException NotYet(string option, string? value, string remedy) =>
        new($"{option} {value} is not honoured yet; {remedy}.");
}
