using System.Diagnostics.CodeAnalysis;

namespace WhisperTrt;

/// <summary>Where a model computes.</summary>
public enum Device
{
    /// <summary>The best device there is.</summary>
    Auto = -1,

    /// <summary>The CPU.</summary>
    Cpu = 0,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda = 1,
}

/// <summary>The numbers a model computes with.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "They are types of numbers.")]
public enum ComputeType
{
    /// <summary>The fastest type of the device.</summary>
    Auto = -1,

    /// <summary>32-bit floating point everywhere: the reference.</summary>
    Float32 = 0,

    /// <summary>bfloat16 matrix products and KV caches, 32-bit floating point in between.</summary>
    BFloat16 = 1,

    /// <summary>8-bit weights per output channel, activations quantized per row as they come.</summary>
    Int8 = 2,

    /// <summary>float16 matrix products, KV caches and activations, 32-bit sums: GPUs only.</summary>
    Float16 = 3,
}

/// <summary>The CPU instructions used. For tests; <see cref="Auto"/> is right otherwise.</summary>
public enum CpuIsa
{
    /// <summary>The widest instruction set of this CPU.</summary>
    Auto = -1,

    /// <summary>Plain C++ code.</summary>
    Portable = 0,

    /// <summary>AVX2 with FMA.</summary>
    Avx2 = 1,

    /// <summary>AVX-512 F, BW, DQ, VL and VNNI.</summary>
    Avx512 = 2,

    /// <summary>AMX int8 and bfloat16 tiles.</summary>
    Amx = 3,
}

/// <summary>What is made of the speech.</summary>
public enum SpeechTask
{
    /// <summary>Write the speech down in its own language.</summary>
    Transcribe = 0,

    /// <summary>Translate the speech into English.</summary>
    Translate = 1,
}

/// <summary>The format of a written transcript.</summary>
public enum OutputFormat
{
    /// <summary>Plain text, a line per segment.</summary>
    Txt = 0,

    /// <summary>SubRip subtitles.</summary>
    Srt = 1,

    /// <summary>WebVTT subtitles.</summary>
    Vtt = 2,

    /// <summary>Start, end (milliseconds) and text, separated by tabs.</summary>
    Tsv = 3,

    /// <summary>Everything, with openai/whisper's keys.</summary>
    Json = 4,

    /// <summary>LRC lyrics: minutes, seconds and text, a line per segment.</summary>
    Lrc = 5,
}

/// <summary>How texts are normalised before word error rates are computed.</summary>
public enum TextNormalization
{
    /// <summary>The normaliser for English.</summary>
    English = 0,

    /// <summary>The basic normaliser for other languages.</summary>
    Basic = 1,
}
