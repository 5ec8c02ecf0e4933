namespace WhisperTrt;

/// <summary>Why an attempt at a window was not good enough; several can apply.</summary>
[Flags]
public enum AttemptVerdict
{
    /// <summary>Nothing is wrong with it.</summary>
    Accepted = 0,

    /// <summary>Its compression ratio is above <see cref="TranscribeOptions.CompressionRatioThreshold"/>.</summary>
    TooRepetitive = 1,

    /// <summary>Its average log-probability is below <see cref="TranscribeOptions.LogProbThreshold"/>.</summary>
    TooUnlikely = 2,

    /// <summary>It is silence: skipped without a segment, and no reason to try again.</summary>
    Silence = 4,

    /// <summary>
    /// It was decoded over a short window (<see cref="TranscribeOptions.AudioContext"/>) and came to no end token, has a timestamp behind the
    /// window's end, leaves next to nothing to a next one, or there is another reason: the window is decoded anew at full length.
    /// </summary>
    TooShort = 8,
}

/// <summary>One attempt at a window: what was tried, and what came of it. The last attempt at a window is the one that was kept.</summary>
public sealed record Attempt
{
    /// <summary>Where the window begins, in mel frames of 10 ms: the <see cref="Segment.Seek"/> of its segments.</summary>
    public required long Seek { get; init; }

    /// <summary>The sampling temperature; 0 takes the likeliest tokens.</summary>
    public required double Temperature { get; init; }

    /// <summary>Beams searched; 1: none.</summary>
    public required int BeamSize { get; init; }

    /// <summary>Candidates sampled, of which this is the likeliest; 1 at temperature 0.</summary>
    public required int Candidates { get; init; }

    /// <summary>Mean log-probability of the tokens, the end token included.</summary>
    public required double AverageLogProbability { get; init; }

    /// <summary>UTF-8 bytes over zlib bytes of the text; high means repetitive.</summary>
    public required double CompressionRatio { get; init; }

    /// <summary>Probability that the window holds no speech, 0..1.</summary>
    public required double NoSpeechProbability { get; init; }

    /// <summary>What was found wrong with it.</summary>
    public required AttemptVerdict Verdict { get; init; }

    /// <summary>Positions of the encoder it was decoded over; 1,500: full length.</summary>
    public required int AudioContext { get; init; }

    /// <summary>Ids of its text and timestamp tokens.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Whose window it is, from 0, with <see cref="ChannelMode.Split"/>; else <see langword="null"/>.</summary>
    public int? Channel { get; init; }
}
