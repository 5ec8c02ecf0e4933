namespace WhisperTrt;

/// <summary>How to load a model.</summary>
public sealed record ModelOptions
{
    /// <summary>Where the model computes. A device that is asked for by name and cannot be had is an error.</summary>
    public Device Device { get; init; } = Device.Auto;

    /// <summary>Which of several GPUs, from 0.</summary>
    public int DeviceIndex { get; init; }

    /// <summary>The numbers it computes with. A type the device cannot do is an error.</summary>
    public ComputeType ComputeType { get; init; } = ComputeType.Auto;

    /// <summary>The CPU instructions used; one the CPU lacks is an error. For tests.</summary>
    public CpuIsa CpuIsa { get; init; } = CpuIsa.Auto;

    /// <summary>
    /// Threads of the process-wide CPU pool, 1..1024; <see langword="null"/>: one per available core. The first model loaded
    /// sets it, and a later one that asks for another number is refused.
    /// </summary>
    public int? CpuThreads { get; init; }
}
