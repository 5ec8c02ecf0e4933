using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WhisperTrt.Cli;

/// <summary>What an evaluation found; the JSON that <c>--json</c> writes, with these names in snake_case. Rates are in percent.</summary>
internal sealed record EvalReport
{
    public required string Manifest { get; init; }

    /// <summary>"tab-separated" or "JSON lines".</summary>
    public required string ManifestFormat { get; init; }

    public required string Model { get; init; }

    public required string Device { get; init; }

    public required string ComputeType { get; init; }

    public required int Threads { get; init; }

    public required double AudioSeconds { get; init; }

    /// <summary>From the first clip handed in to the last one done, without loading the model.</summary>
    public required double Seconds { get; init; }

    /// <summary>Seconds per second of audio.</summary>
    public double RealTimeFactor => AudioSeconds > 0 ? Seconds / AudioSeconds : 0;

    /// <summary>Most memory that the process ever held, the model included.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>All clips together.</summary>
    public required EvalScore Total { get; init; }

    /// <summary>By language, those with the most words first.</summary>
    public required IReadOnlyList<EvalScore> Languages { get; init; }

    /// <summary>Clips that failed; they count nowhere else.</summary>
    public required IReadOnlyList<EvalExcuse> Failed { get; init; }

    /// <summary>Clips that could not be scored; they were not transcribed.</summary>
    public required IReadOnlyList<EvalExcuse> Skipped { get; init; }

    public required IReadOnlyList<EvalClip> Clips { get; init; }

    internal string ToJson() => JsonSerializer.Serialize(this, EvalJson.Readable.EvalReport) + "\n";
}

/// <summary>Errors of some clips, and how sure their rate is.</summary>
internal sealed record EvalScore
{
    /// <summary>The language's code; "all" for all of them.</summary>
    public required string Language { get; init; }

    /// <summary>"english", "basic", or "per language".</summary>
    public required string Normalizer { get; init; }

    /// <summary>Whether every character counts as a word.</summary>
    public required bool Characters { get; init; }

    public required int Clips { get; init; }

    public required int Words { get; init; }

    public required int Substitutions { get; init; }

    public required int Deletions { get; init; }

    public required int Insertions { get; init; }

    public required double WerPercent { get; init; }

    /// <summary>Lower bound of the 95% bootstrap interval over clips.</summary>
    public required double WerPercentLow { get; init; }

    /// <summary>Upper bound of the 95% bootstrap interval over clips.</summary>
    public required double WerPercentHigh { get; init; }

    internal static EvalScore Of(IReadOnlyList<EvalClip> clips, string? language)
    {
        WordErrors[] errors = [.. clips.Select(clip => clip.Errors)];
        WordErrors sum = WordErrors.Sum(errors);
        (double low, double high) = Bootstrap.Interval(errors);
        return new EvalScore
        {
            Language = language ?? "all",
            Normalizer = language is null ? "per language" : Scoring.NormalizerOf(language) == TextNormalization.English ? "english" : "basic",
            Characters = language is not null && Scoring.CountsCharacters(language),
            Clips = clips.Count,
            Words = sum.Words,
            Substitutions = sum.Substitutions,
            Deletions = sum.Deletions,
            Insertions = sum.Insertions,
            WerPercent = sum.Rate,
            WerPercentLow = low,
            WerPercentHigh = high,
        };
    }
}

/// <summary>A clip that was scored.</summary>
internal sealed record EvalClip
{
    public required string File { get; init; }

    public required string Language { get; init; }

    public required double Seconds { get; init; }

    public int Words => Errors.Words;

    public int Substitutions => Errors.Substitutions;

    public int Deletions => Errors.Deletions;

    public int Insertions => Errors.Insertions;

    public required string Reference { get; init; }

    public required string Text { get; init; }

    [JsonIgnore]
    internal WordErrors Errors { get; init; }
}

/// <summary>A clip without a score, and why.</summary>
internal sealed record EvalExcuse(string File, string Reason);

[JsonSerializable(typeof(EvalReport))]
internal sealed partial class EvalJson : JsonSerializerContext
{
    /// <summary>Indented, and texts of any script as they are.</summary>
    internal static EvalJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
