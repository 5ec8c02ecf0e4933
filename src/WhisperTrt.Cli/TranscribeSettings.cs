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

    public int? BestOf { get; init; } = 5;

    public int? BeamSize { get; init; } = 5;

    public double? Patience { get; init; }

    public double? LengthPenalty { get; init; }

    public string? SuppressTokens { get; init; } = "-1";

    public string? InitialPrompt { get; init; }

    public bool CarryInitialPrompt { get; init; }

    public bool ConditionOnPreviousText { get; init; } = true;

    public bool? Fp16 { get; init; }

    public double? TemperatureIncrementOnFallback { get; init; } = 0.2;

    public double? CompressionRatioThreshold { get; init; } = 2.4;

    public double? LogProbThreshold { get; init; } = -1.0;

    public double? NoSpeechThreshold { get; init; } = 0.6;

    public bool WordTimestamps { get; init; }

    public string PrependPunctuations { get; init; } = new TranscribeOptions().PrependPunctuations;

    public string AppendPunctuations { get; init; } = new TranscribeOptions().AppendPunctuations;

    public bool HighlightWords { get; init; }

    public int? MaxLineWidth { get; init; }

    public int? MaxLineCount { get; init; }

    public int? MaxWordsPerLine { get; init; }

    public bool JsonTrace { get; init; }

    public int? Threads { get; init; }

    public string? ClipTimestamps { get; init; } = "0";

    public string? Languages { get; init; }

    public bool Multilingual { get; init; }

    public bool Batched { get; init; }

    public ChannelMode Channels { get; init; }

    public double? HallucinationSilenceThreshold { get; init; }

    public ComputeType? ComputeType { get; init; }

    public CpuIsa? CpuIsa { get; init; }

    public int? MaxBatch { get; init; }

    public long? MemoryLimit { get; init; }

    public long? GpuMemoryLimit { get; init; }

    public double KvCacheFreeGpuMemoryFraction { get; init; } = new EngineOptions().KvCacheFreeGpuMemoryFraction;

    public double? CrossKvCacheFraction { get; init; }

    public double? MaxInitialTimestamp { get; init; } = 1.0;

    public int? MaxNewTokens { get; init; }

    public bool WithoutTimestamps { get; init; }

    public bool SuppressBlank { get; init; } = true;

    public double RepetitionPenalty { get; init; } = 1.0;

    public int NoRepeatNgramSize { get; init; }

    public double PromptResetOnTemperature { get; init; } = 0.5;

    public string? Prefix { get; init; }

    public string? Hotwords { get; init; }

    public long? Seed { get; init; }

    public AudioContext AudioContext { get; init; }

    public double LanguageDetectionThreshold { get; init; } = new TranscribeOptions().LanguageDetectionThreshold;

    public int LanguageDetectionSegments { get; init; } = new TranscribeOptions().LanguageDetectionSegments;

    public int AudioContextTail { get; init; } = new TranscribeOptions().AudioContextTail;

    public InputFormat InputFormat { get; init; }

    /// <summary>Null: all of the audio is transcribed.</summary>
    public VadOptions? Vad { get; init; }

    /// <summary>Files are written only when asked for.</summary>
    public bool WritesFiles => OutputDirectory is not null || OutputFormats is not null;

    /// <summary>How the model is loaded, for what works with one device.</summary>
    internal ModelOptions ToModelOptions() => ToModelOptionsOfEach() is [var one]
        ? one
        : throw new UsageException($"--device: {Device} names several GPUs, and this takes one.");

    /// <summary>How the model is loaded on each device that is asked for.</summary>
    internal IReadOnlyList<ModelOptions> ToModelOptionsOfEach()
    {
        (Device device, IReadOnlyList<int> indices) = ParseDevice(Device);
        return [.. indices.Select(index => new ModelOptions
        {
            Device = device,
            DeviceIndex = index,
            ComputeType = Fp16 switch
            {
                true => WhisperTrt.ComputeType.Float16,
                false => WhisperTrt.ComputeType.Float32,
                null => ComputeType ?? WhisperTrt.ComputeType.Auto,
            },
            CpuIsa = CpuIsa ?? WhisperTrt.CpuIsa.Auto,
            CpuThreads = Threads is null or 0 ? null : Threads,
        })];
    }

    /// <param name="model">What the engine is for, as it was loaded.</param>
    internal EngineOptions ToEngineOptions(ModelInfo model)
    {
        EngineOptions defaults = new();
        return defaults with
        {
            MaxBatch = MaxBatch ?? defaults.MaxBatch,
            MaxQueuedJobs = Math.Clamp(Audio.Count, defaults.MaxQueuedJobs, 1_000_000),
            MemoryLimit = GpuMemoryLimit is { } all && model.Device == WhisperTrt.Device.Cuda ? BesideWeights(all, model) : MemoryLimit,
            KvCacheFreeGpuMemoryFraction = KvCacheFreeGpuMemoryFraction,
            CrossKvCacheFraction = CrossKvCacheFraction,
        };
    }

    private static long BesideWeights(long limit, ModelInfo model) => limit >= model.WeightBytes
        ? limit - model.WeightBytes
        : throw new UsageException($"--gpu_memory_limit: {limit} bytes are less than the weights of {model.Name} take, {model.WeightBytes}.");

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
        CompressionRatioThreshold = CompressionRatioThreshold,
        Temperatures = Temperatures(),
        BeamSize = BeamSize ?? 1,
        BestOf = BestOf ?? 1,
        Patience = Patience ?? 1.0,
        LengthPenalty = LengthPenalty,
        RepetitionPenalty = RepetitionPenalty,
        NoRepeatNgramSize = NoRepeatNgramSize,
        Seed = (ulong)(Seed ?? 0),
        Prefix = Prefix,
        Hotwords = Hotwords,
        CarryInitialPrompt = CarryInitialPrompt,
        PromptResetOnTemperature = PromptResetOnTemperature,
        WordTimestamps = WordTimestamps,
        PrependPunctuations = PrependPunctuations,
        AppendPunctuations = AppendPunctuations,
        HallucinationSilenceThreshold = HallucinationSilenceThreshold,
        Vad = Vad,
        ClipTimestamps = Clips(),
        Languages = Languages?.Split(',', StringSplitOptions.TrimEntries) ?? [],
        LanguageDetectionThreshold = LanguageDetectionThreshold,
        LanguageDetectionSegments = LanguageDetectionSegments,
        Multilingual = Multilingual,
        Batched = Batched,
        Channels = Channels,
        AudioContext = AudioContext,
        AudioContextTail = AudioContextTail,
    };

    /// <summary>None: the whole file, which is how openai/whisper's default, 0, reads too.</summary>
    internal IReadOnlyList<double> Clips()
    {
        List<double> all = [];
        foreach (string text in string.IsNullOrEmpty(ClipTimestamps) ? [] : ClipTimestamps.Split(','))
        {
            if (!Options.TryDouble(text.Trim(), out double seconds) || seconds is < 0 or > 1e9)
            {
                throw new UsageException($"--clip_timestamps: '{text}' is no number of seconds from 0; give start,end,start,end,...");
            }

            all.Add(seconds);
        }

        return all is [0] ? [] : all;
    }

    /// <summary>0 is no limit, as to openai/whisper.</summary>
    internal WriteOptions ToWriteOptions() => new()
    {
        MaxLineWidth = MaxLineWidth is 0 ? null : MaxLineWidth,
        MaxLineCount = MaxLineCount is 0 ? null : MaxLineCount,
        MaxWordsPerLine = MaxWordsPerLine is 0 ? null : MaxWordsPerLine,
        HighlightWords = HighlightWords,
        Trace = JsonTrace,
    };

    /// <summary>From the temperature up to 1 in steps of the increment, as openai/whisper counts them; the one alone without an increment.</summary>
    private List<double> Temperatures()
    {
        if (TemperatureIncrementOnFallback is not { } increment)
        {
            return [Temperature];
        }

        List<double> all = [];
        for (int i = 0; Temperature + (i * increment) < 1.0 + 1e-6; i++)
        {
            all.Add(Temperature + (i * increment));
        }

        return all;
    }

    /// <summary>"auto", "cpu", "cuda", "cuda:1", or several GPUs: "cuda:0,1".</summary>
    internal static (Device Device, IReadOnlyList<int> Indices) ParseDevice(string? text) => text switch
    {
        null or "auto" => (WhisperTrt.Device.Auto, [0]),
        "cpu" => (WhisperTrt.Device.Cpu, [0]),
        "cuda" => (WhisperTrt.Device.Cuda, [0]),
        _ when text.StartsWith("cuda:", StringComparison.Ordinal) && ParseIndices(text["cuda:".Length..]) is { } indices =>
            (WhisperTrt.Device.Cuda, indices),
        _ => throw new UsageException($"--device: '{text}' is not one of auto, cpu, cuda, cuda:INDEX, or cuda:INDEX,INDEX,... with each GPU once."),
    };

    private static List<int>? ParseIndices(string text)
    {
        List<int> indices = [];
        foreach (string one in text.Split(','))
        {
            if (!Options.TryInt(one, out int index) || index < 0 || indices.Contains(index))
            {
                return null;
            }

            indices.Add(index);
        }

        return indices;
    }
}
