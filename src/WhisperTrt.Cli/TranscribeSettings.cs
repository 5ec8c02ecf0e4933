namespace WhisperTrt.Cli;

/// <summary>What standard input carries.</summary>
internal enum InputFormat
{
    /// <summary>A container that says itself what it is.</summary>
    Auto,

    /// <summary>Raw 16 kHz mono signed 16-bit little-endian samples.</summary>
    S16le,
}

/// <summary>The command line of <c>transcribe</c>, parsed. Names are openai/whisper's.</summary>
internal sealed record TranscribeSettings
{
    public IReadOnlyList<string> Audio { get; init; } = [];

    public string? Model { get; init; }

    public string? ModelDirectory { get; init; }

    public string? Device { get; init; }

    public string? OutputDirectory { get; init; }

    /// <summary>Null: none asked for.</summary>
    public IReadOnlyList<OutputFormat>? OutputFormats { get; init; }

    public bool Verbose { get; init; } = true;

    public SpeechTask Task { get; init; }

    public string? Language { get; init; }

    public double Temperature { get; init; }

    public int? BestOf { get; init; }

    public int? BeamSize { get; init; }

    public double? Patience { get; init; }

    public double? LengthPenalty { get; init; }

    public string? SuppressTokens { get; init; } = "-1";

    public string? InitialPrompt { get; init; }

    public bool CarryInitialPrompt { get; init; }

    public bool ConditionOnPreviousText { get; init; } = true;

    public bool? Fp16 { get; init; }

    public double? TemperatureIncrementOnFallback { get; init; }

    public double? CompressionRatioThreshold { get; init; }

    public double? LogProbThreshold { get; init; } = -1.0;

    public double? NoSpeechThreshold { get; init; } = 0.6;

    public bool WordTimestamps { get; init; }

    public string PrependPunctuations { get; init; } = new TranscribeOptions().PrependPunctuations;

    public string AppendPunctuations { get; init; } = new TranscribeOptions().AppendPunctuations;

    public bool HighlightWords { get; init; }

    public int? MaxLineWidth { get; init; }

    public int? MaxLineCount { get; init; }

    public int? MaxWordsPerLine { get; init; }

    public int? Threads { get; init; }

    public string? ClipTimestamps { get; init; } = "0";

    public double? HallucinationSilenceThreshold { get; init; }

    public ComputeType? ComputeType { get; init; }

    public CpuIsa? CpuIsa { get; init; }

    public int? MaxBatch { get; init; }

    public long? MemoryLimit { get; init; }

    public double? MaxInitialTimestamp { get; init; } = 1.0;

    public int? MaxNewTokens { get; init; }

    public bool WithoutTimestamps { get; init; }

    public bool SuppressBlank { get; init; } = true;

    public InputFormat InputFormat { get; init; }

    /// <summary>Files are written only when asked for.</summary>
    public bool WritesFiles => OutputDirectory is not null || OutputFormats is not null;

    internal ModelOptions ToModelOptions()
    {
        (Device device, int index) = ParseDevice(Device);
        return new ModelOptions
        {
            Device = device,
            DeviceIndex = index,
            ComputeType = Fp16 is false ? WhisperTrt.ComputeType.Float32 : ComputeType ?? WhisperTrt.ComputeType.Auto,
            CpuIsa = CpuIsa ?? WhisperTrt.CpuIsa.Auto,
            CpuThreads = Threads is null or 0 ? null : Threads,
        };
    }

    internal EngineOptions ToEngineOptions()
    {
        EngineOptions defaults = new();
        return defaults with
        {
            MaxBatch = MaxBatch ?? defaults.MaxBatch,
            MaxQueuedJobs = Math.Clamp(Audio.Count, defaults.MaxQueuedJobs, 1_000_000),
            MemoryLimit = MemoryLimit,
        };
    }

    internal TranscribeOptions ToTranscribeOptions() => new()
    {
        Task = Task,
        Language = Language?.ToLowerInvariant(),
        InitialPrompt = InitialPrompt,
        SuppressTokens = SuppressTokens ?? "",
        ConditionOnPreviousText = ConditionOnPreviousText,
        SuppressBlank = SuppressBlank,
        WithoutTimestamps = WithoutTimestamps,
        MaxNewTokens = MaxNewTokens,
        MaxInitialTimestamp = MaxInitialTimestamp,
        NoSpeechThreshold = NoSpeechThreshold,
        LogProbThreshold = LogProbThreshold,
        WordTimestamps = WordTimestamps,
        PrependPunctuations = PrependPunctuations,
        AppendPunctuations = AppendPunctuations,
        HallucinationSilenceThreshold = HallucinationSilenceThreshold,
    };

    /// <summary>"auto", "cpu", "cuda" or "cuda:1".</summary>
    internal static (Device Device, int Index) ParseDevice(string? text) => text switch
    {
        null or "auto" => (WhisperTrt.Device.Auto, 0),
        "cpu" => (WhisperTrt.Device.Cpu, 0),
        "cuda" => (WhisperTrt.Device.Cuda, 0),
        _ when text.StartsWith("cuda:", StringComparison.Ordinal) && Options.TryInt(text["cuda:".Length..], out int index) && index >= 0 =>
            (WhisperTrt.Device.Cuda, index),
        _ => throw new UsageException($"--device: '{text}' is not one of auto, cpu, cuda, cuda:INDEX."),
    };
}
