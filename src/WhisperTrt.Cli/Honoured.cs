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
        Words(settings);
        Precision(settings);
        TranscribeSettings.ParseDevice(settings.Device);
        LongForm(settings);
        Memory(settings);
        if (settings.InputFormat != InputFormat.Auto && !settings.Audio.Contains(OutputFiles.StandardInput))
        {
            throw new UsageException("--input_format says what standard input carries; pipe the samples in: whispertrt transcribe - --input_format s16le < FILE");
        }

        if (settings.Threads is < 0)
        {
            throw new UsageException($"--threads: {settings.Threads} is below 0; use 0 or None for one thread per core.");
        }
    }

    private static void Memory(TranscribeSettings settings)
    {
        if (settings.GpuMemoryLimit is < 0)
        {
            throw new UsageException($"--gpu_memory_limit: {settings.GpuMemoryLimit} is below 0; use a number of bytes, or None for no limit.");
        }

        if (settings.GpuMemoryLimit is not null && settings.MemoryLimit is not null)
        {
            throw new UsageException("--gpu_memory_limit and --memory_limit both cap what an engine takes; leave one of them out.");
        }
    }

    private static void LongForm(TranscribeSettings settings)
    {
        if (settings.Clips().Count > 0 && settings.Vad is not null)
        {
            throw new UsageException("--clip_timestamps and --vad_filter True both say what is transcribed; leave one of them out.");
        }

        if (settings.Batched && settings.Vad is null)
        {
            throw new UsageException("--batched requires --vad_filter True, which says where a recording can be cut.");
        }
    }

    private static void Decoding(TranscribeSettings settings)
    {
        if (settings.TemperatureIncrementOnFallback is < 0.05)
        {
            throw new UsageException(
                $"--temperature_increment_on_fallback: {Show(settings.TemperatureIncrementOnFallback)} is below 0.05; use None for no fallback.");
        }

        if (settings.Temperature is < 0 or > 10 || (settings.Temperature > 1 && settings.TemperatureIncrementOnFallback is not null))
        {
            throw new UsageException(
                $"--temperature: {Show(settings.Temperature)} is outside 0..1; up to 10 with --temperature_increment_on_fallback None.");
        }

        if (settings.Seed is < 0)
        {
            throw new UsageException($"--seed: {settings.Seed} is below 0.");
        }
    }

    private static void Words(TranscribeSettings settings)
    {
        if (settings.HallucinationSilenceThreshold is not null && !settings.WordTimestamps)
        {
            throw new UsageException("--hallucination_silence_threshold requires --word_timestamps True.");
        }

        WordLayout(settings);
    }

    /// <summary>Options that lay out words. 0 is no limit, as to openai/whisper.</summary>
    internal static void WordLayout(TranscribeSettings settings)
    {
        string? needsWords =
            settings.HighlightWords ? "--highlight_words"
            : settings.MaxLineWidth is not (null or 0) ? "--max_line_width"
            : settings.MaxLineCount is not (null or 0) ? "--max_line_count"
            : settings.MaxWordsPerLine is not (null or 0) ? "--max_words_per_line"
            : null;
        if (needsWords is not null && !settings.WordTimestamps)
        {
            throw new UsageException($"{needsWords} requires --word_timestamps True.");
        }

        AtLeastOne("--max_line_width", settings.MaxLineWidth);
        AtLeastOne("--max_line_count", settings.MaxLineCount);
        AtLeastOne("--max_words_per_line", settings.MaxWordsPerLine);
    }

    private static void AtLeastOne(string option, int? limit)
    {
        if (limit < 0)
        {
            throw new UsageException($"{option}: {limit} is below 0; use a number from 1, or None for no limit.");
        }
    }

    /// <summary>Options that do nothing beside the others: openai/whisper warns of them too.</summary>
    internal static IEnumerable<string> WithoutEffect(TranscribeSettings settings)
    {
        WriteOptions layout = settings.ToWriteOptions();
        if (layout is { MaxLineCount: not null, MaxLineWidth: null })
        {
            yield return "--max_line_count has no effect without --max_line_width";
        }

        if (layout is { MaxWordsPerLine: not null, MaxLineWidth: not null, MaxLineCount: not null })
        {
            yield return "--max_words_per_line has no effect with --max_line_width and --max_line_count";
        }
    }

    private static void Precision(TranscribeSettings settings)
    {
        if (settings.Fp16 is not { } half)
        {
            return;
        }

        ComputeType asked = half ? ComputeType.Float16 : ComputeType.Float32;
        if (settings.ComputeType is { } other && other is not ComputeType.Auto && other != asked)
        {
            throw new UsageException(
                $"--fp16 {half} asks for {(half ? "float16" : "float32")} and --compute_type for something else; leave one of them out.");
        }
    }

    private static string Show(double? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "None";
}
