namespace WhisperTrt;

/// <summary>A piece of a transcript.</summary>
public sealed record Segment
{
    /// <summary>Its number within the transcript, from 0.</summary>
    public required int Id { get; init; }

    /// <summary>Where the window it was found in begins, in mel frames of 10 ms.</summary>
    public required long Seek { get; init; }

    /// <summary>Where it begins, from the beginning of the audio.</summary>
    public required TimeSpan Start { get; init; }

    /// <summary>Where it ends, from the beginning of the audio.</summary>
    public required TimeSpan End { get; init; }

    /// <summary>What was said; often begins with a space.</summary>
    public required string Text { get; init; }

    /// <summary>Ids of its text and timestamp tokens.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Its words with their times; empty unless word times were made.</summary>
    public required IReadOnlyList<Word> Words { get; init; }

    /// <summary>The sampling temperature that made it; 0 is greedy.</summary>
    public required double Temperature { get; init; }

    /// <summary>Mean log-probability of its window's tokens.</summary>
    public required double AverageLogProbability { get; init; }

    /// <summary>UTF-8 bytes over zlib bytes of its window's text; high means repetitive.</summary>
    public required double CompressionRatio { get; init; }

    /// <summary>Probability that its window holds no speech, 0..1.</summary>
    public required double NoSpeechProbability { get; init; }

    /// <summary>Whose it is, from 0, with <see cref="ChannelMode.Split"/>; else <see langword="null"/>.</summary>
    public int? Channel { get; init; }

    /// <summary>Code of its window's language.</summary>
    public string Language { get; init; } = "";
}

/// <summary>A word with its times.</summary>
/// <param name="Text">The word, with the space before it.</param>
/// <param name="Start">Where it begins, from the beginning of the audio.</param>
/// <param name="End">Where it ends, from the beginning of the audio.</param>
/// <param name="Probability">Mean probability of its tokens, 0..1.</param>
public sealed record Word(string Text, TimeSpan Start, TimeSpan End, double Probability);

/// <summary>How far a transcription is.</summary>
/// <param name="Done">Audio that is transcribed.</param>
/// <param name="Total">Audio in all; <see langword="null"/> while that is unknown, as for a pipe.</param>
public readonly record struct TranscribeProgress(TimeSpan Done, TimeSpan? Total);
