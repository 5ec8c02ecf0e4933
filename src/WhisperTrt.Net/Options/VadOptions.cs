namespace WhisperTrt;

/// <summary>How speech is told from silence; names and meanings are faster-whisper's.</summary>
public sealed record VadOptions
{
    /// <summary>Speech begins at this probability, 0..1.</summary>
    public double Threshold { get; init; } = 0.5;

    /// <summary>
    /// Silence begins below this probability, 0..1; between the two it goes on as it was. <see langword="null"/>: 0.15 below
    /// <see cref="Threshold"/>, at least 0.01.
    /// </summary>
    public double? NegativeThreshold { get; init; }

    /// <summary>Speech that is not longer is dropped, up to an hour.</summary>
    public TimeSpan MinSpeechDuration { get; init; }

    /// <summary>
    /// Speech that is longer is cut, at its last pause of more than 98 ms if it has one; <see langword="null"/>: never.
    /// </summary>
    public TimeSpan? MaxSpeechDuration { get; init; }

    /// <summary>Silence that is shorter does not end speech, up to an hour.</summary>
    public TimeSpan MinSilenceDuration { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Added to speech on either side, up to an hour; neighbours share what is between them.</summary>
    public TimeSpan SpeechPad { get; init; } = TimeSpan.FromMilliseconds(400);
}
