namespace WhisperTrt;

/// <summary>How to transcribe; names and meanings are openai/whisper's.</summary>
public sealed record TranscribeOptions
{
    /// <summary>What is made of the speech.</summary>
    public SpeechTask Task { get; init; } = SpeechTask.Transcribe;

    /// <summary>Language code ("en") or English name ("english"); <see langword="null"/>: detected from the first window.</summary>
    public string? Language { get; init; }

    /// <summary>Text the first window is conditioned on; <see langword="null"/>: none.</summary>
    public string? InitialPrompt { get; init; }

    /// <summary>
    /// Comma-separated ids of tokens that are never sampled; "-1" stands for the annotations and symbols that openai/whisper
    /// suppresses, "" for none.
    /// </summary>
    public string SuppressTokens { get; init; } = "-1";

    /// <summary>Whether the text so far is the prompt of the next window; otherwise windows know nothing of each other.</summary>
    public bool ConditionOnPreviousText { get; init; } = true;

    /// <summary>Whether a window may not begin with a blank or an end.</summary>
    public bool SuppressBlank { get; init; } = true;

    /// <summary>Whether only text is made and no timestamps.</summary>
    public bool WithoutTimestamps { get; init; }

    /// <summary>Most tokens sampled per window, 1..half the model's text context; <see langword="null"/>: that half.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>The first timestamp of a window is at most this, in seconds, 0..30; <see langword="null"/>: no limit.</summary>
    public double? MaxInitialTimestamp { get; init; } = 1.0;

    /// <summary>
    /// Above this probability of no speech, a window whose average log-probability is below <see cref="LogProbThreshold"/> is
    /// silence; <see langword="null"/>: off.
    /// </summary>
    public double? NoSpeechThreshold { get; init; } = 0.6;

    /// <summary>Average log-probability of a window's tokens, see <see cref="NoSpeechThreshold"/>; <see langword="null"/>: off.</summary>
    public double? LogProbThreshold { get; init; } = -1.0;

    /// <summary>Segments that may wait unread before the transcription pauses, 1..1,000,000.</summary>
    public int MaxPendingSegments { get; init; } = 64;

    /// <summary>
    /// Whether segments have words with times, by which the recording also moves on. Of a translation they are unreliable.
    /// </summary>
    public bool WordTimestamps { get; init; }

    /// <summary>Characters that are joined to the word behind them; "": none.</summary>
    public string PrependPunctuations { get; init; } = "\"'“¿([{-";

    /// <summary>Characters that are joined to the word before them; "": none.</summary>
    public string AppendPunctuations { get; init; } = "\"'.。,，!！?？:：”)]}、";

    /// <summary>
    /// Silences longer than this, in seconds, are skipped where text next to them is likely made up, and that text is dropped. Of effect with
    /// <see cref="WordTimestamps"/>; <see langword="null"/>: off.
    /// </summary>
    public double? HallucinationSilenceThreshold { get; init; }
}
