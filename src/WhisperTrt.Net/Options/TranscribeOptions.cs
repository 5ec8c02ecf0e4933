namespace WhisperTrt;

/// <summary>How to transcribe; names and meanings are openai/whisper's.</summary>
public sealed record TranscribeOptions
{
    // One for all, so that options left alone are equal.
    private static readonly IReadOnlyList<double> DefaultTemperatures = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

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

    /// <summary>
    /// A window whose average log-probability is below this, and which is not silence (see <see cref="NoSpeechThreshold"/>), is tried
    /// again hotter; <see langword="null"/>: off.
    /// </summary>
    public double? LogProbThreshold { get; init; } = -1.0;

    /// <summary>
    /// A window whose text compresses better than this (UTF-8 bytes over zlib bytes) is tried again hotter; <see langword="null"/>: off.
    /// </summary>
    public double? CompressionRatioThreshold { get; init; } = 2.4;

    /// <summary>Temperatures tried one after the other until a window passes the thresholds: 1..32 of them, each 0..10.</summary>
    public IReadOnlyList<double> Temperatures { get; init; } = DefaultTemperatures;

    /// <summary>
    /// Beams where the temperature is 0, 1..32; 1 is greedy. They take rows of one step: at most <see cref="EngineOptions.MaxBatch"/>.
    /// </summary>
    public int BeamSize { get; init; } = 1;

    /// <summary>
    /// Candidates where the temperature is above 0, 1..256 and at most <see cref="EngineOptions.MaxBatch"/>; the likeliest is kept.
    /// </summary>
    public int BestOf { get; init; } = 1;

    /// <summary>
    /// Beam search ends when <see cref="BeamSize"/> times this hypotheses have ended (rounded, half to even); above 0, at most 100.
    /// </summary>
    public double Patience { get; init; } = 1.0;

    /// <summary>
    /// Hypotheses are ranked by log-probability over ((5 + length) / 6) to this power, 0..1; <see langword="null"/>: over length.
    /// </summary>
    public double? LengthPenalty { get; init; }

    /// <summary>Logits of tokens a window already has are divided (negative ones multiplied) by this; above 0, at most 10; 1 is off.</summary>
    public double RepetitionPenalty { get; init; } = 1.0;

    /// <summary>No sequence of so many tokens comes twice in a window, 1..448; 0: off.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Key of the random numbers of sampling: the same seed and options give the same text, whatever else runs.</summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// Text that every window's transcript is made to begin with; it is not part of the result. <see langword="null"/>: none.
    /// </summary>
    public string? Prefix { get; init; }

    /// <summary>
    /// Words that every window is conditioned on, before the text so far; of no effect with <see cref="Prefix"/>. <see langword="null"/>: none.
    /// </summary>
    public string? Hotwords { get; init; }

    /// <summary>Whether <see cref="InitialPrompt"/> conditions every window, before the text so far, and not only the first one.</summary>
    public bool CarryInitialPrompt { get; init; }

    /// <summary>After a window decoded hotter than this, the next one knows nothing of the text so far; 0..10.</summary>
    public double PromptResetOnTemperature { get; init; } = 0.5;

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

    /// <summary>
    /// Transcribe only the speech that is found this way; times still refer to the whole audio. <see langword="null"/>: all of it.
    /// </summary>
    public VadOptions? Vad { get; init; }

    /// <summary>
    /// Start, end, start, end, … in seconds, 0..1e9, of the clips that are transcribed, one after the other; without a last end the last one goes
    /// on to that of the recording. No window goes beyond its clip. Not together with <see cref="Vad"/>. Empty: all of the recording.
    /// </summary>
    public IReadOnlyList<double> ClipTimestamps { get; init; } = [];

    /// <summary>Codes or English names of the languages that detection chooses from; empty: all of the model's.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>A window whose likeliest language is likelier than this decides the recording's alone, 0..1.</summary>
    public double LanguageDetectionThreshold { get; init; } = 0.5;

    /// <summary>
    /// Windows of 30 s from the beginning that are heard, 1..1,000,000, until one decides; if none does, most of them do. At most 2 where the audio
    /// comes only once (pushed, pipes), and 1 with <see cref="Batched"/>, whose first chunk is heard. Of no effect with <see cref="Multilingual"/>
    /// and live.
    /// </summary>
    public int LanguageDetectionSegments { get; init; } = 1;

    /// <summary>
    /// Whether the language is detected for every window anew, whatever <see cref="Language"/> says. Of no effect with an English-only model.
    /// </summary>
    public bool Multilingual { get; init; }

    /// <summary>
    /// Whether the speech that <see cref="Vad"/> finds is cut at silences into chunks of at most 30 s that are decoded together, up to
    /// <see cref="EngineOptions.MaxBatch"/> at a time, and know nothing of each other.
    /// </summary>
    public bool Batched { get; init; }

    /// <summary>What becomes of the channels. <see cref="ChannelMode.Split"/> needs a file or its bytes and at most 16 channels.</summary>
    public ChannelMode Channels { get; init; }

    /// <summary>
    /// Length of windows. Where it makes them short, one whose decoding is not <see cref="AttemptVerdict.Accepted"/>, has no end token or a timestamp behind its end,
    /// or with <see cref="AudioContext.Auto"/> leaves less than two seconds of its sound to a next one, is decoded anew at full length; <see cref="Transcript.Attempts"/> say so.
    /// </summary>
    public AudioContext AudioContext { get; init; } = AudioContext.Full;

    /// <summary>Positions of silence, of 20 ms, behind the sound, 0..1,500. Of effect with <see cref="AudioContext.Auto"/>.</summary>
    public int AudioContextTail { get; init; } = 128;

    /// <summary>
    /// New audio between two hypotheses of <see cref="WhisperEngine.OpenStream"/>, 0.1..30 seconds; they are further apart where the device takes
    /// longer. Of no effect elsewhere.
    /// </summary>
    public TimeSpan LiveInterval { get; init; } = TimeSpan.FromSeconds(0.5);
}
