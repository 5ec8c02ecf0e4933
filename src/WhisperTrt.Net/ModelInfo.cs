namespace WhisperTrt;

/// <summary>What a loaded model is.</summary>
public sealed record ModelInfo
{
    /// <summary>The name it was loaded by: that of its directory, or the one that was looked for.</summary>
    public required string Name { get; init; }

    /// <summary>The device it is on.</summary>
    public required Device Device { get; init; }

    /// <summary>The numbers it computes with.</summary>
    public required ComputeType ComputeType { get; init; }

    /// <summary>The CPU instructions in use.</summary>
    public required CpuIsa CpuIsa { get; init; }

    /// <summary>Threads of the CPU pool.</summary>
    public required int CpuThreads { get; init; }

    /// <summary>Whether it knows several languages.</summary>
    public required bool IsMultilingual { get; init; }

    /// <summary>How many languages it knows: 1, 99 or 100.</summary>
    public required int LanguageCount { get; init; }

    /// <summary>Mel bins: 80 or 128.</summary>
    public required int Mels { get; init; }

    /// <summary>Positions of the encoder's output: 1500.</summary>
    public required int AudioContext { get; init; }

    /// <summary>Positions of the decoder: 448.</summary>
    public required int TextContext { get; init; }

    /// <summary>Model width.</summary>
    public required int Width { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Layers of the encoder.</summary>
    public required int EncoderLayers { get; init; }

    /// <summary>Layers of the decoder.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>Tokens in the vocabulary.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Number of weights.</summary>
    public required long Parameters { get; init; }

    /// <summary>Bytes the weights take on the device.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>How long loading took.</summary>
    public required TimeSpan LoadTime { get; init; }

    /// <summary>
    /// Heads of the decoder whose attention follows the sound: the checkpoint's list, or else all heads of the upper half of the layers.
    /// </summary>
    public required int AlignmentHeads { get; init; }
}

/// <summary>A language a model knows.</summary>
/// <param name="Code">Its code: "en".</param>
/// <param name="Name">Its English name in lower case: "english".</param>
public readonly record struct WhisperLanguage(string Code, string Name);

/// <summary>What an engine takes in memory, in bytes.</summary>
public sealed record MemoryPlan
{
    /// <summary>Rows that the plan holds: the batch asked for, or less under a cap.</summary>
    public required int MaxBatch { get; init; }

    /// <summary>The model's weights; shared by all engines over it.</summary>
    public required long Weights { get; init; }

    /// <summary>Pages of the self-attention KV cache.</summary>
    public required long SelfKv { get; init; }

    /// <summary>Slots of the cross-attention KV cache.</summary>
    public required long CrossKv { get; init; }

    /// <summary>Activations, step state and logits.</summary>
    public required long Workspace { get; init; }

    /// <summary>All of these.</summary>
    public required long Total { get; init; }
}

/// <summary>What an engine did since it was made.</summary>
public sealed record EngineStatistics
{
    /// <summary>Windows encoded.</summary>
    public required long Windows { get; init; }

    /// <summary>Batches in which they were encoded.</summary>
    public required long EncoderBatches { get; init; }

    /// <summary>Decode steps.</summary>
    public required long Steps { get; init; }

    /// <summary>Rows in all decode steps.</summary>
    public required long StepRows { get; init; }

    /// <summary>Prompt tokens prefilled.</summary>
    public required long PrefillTokens { get; init; }

    /// <summary>Time spent encoding.</summary>
    public required TimeSpan EncodeTime { get; init; }

    /// <summary>Time spent prefilling prompts.</summary>
    public required TimeSpan PrefillTime { get; init; }

    /// <summary>Time spent in decode steps.</summary>
    public required TimeSpan StepTime { get; init; }

    /// <summary>Mean number of rows per decode step; 0 before the first.</summary>
    public double MeanBatch => Steps == 0 ? 0 : (double)StepRows / Steps;
}
