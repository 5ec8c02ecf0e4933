using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>Writes quantized checkpoints.</summary>
public static unsafe class WhisperQuantizer
{
    /// <summary>Quantizes a checkpoint's weights and writes it into a new directory.</summary>
    /// <param name="model">The directory of a checkpoint, or a name as for <see cref="WhisperModel.Load"/>.</param>
    /// <param name="outputDirectory">The directory to make.</param>
    /// <param name="weights">The weights to write; only <see cref="ComputeType.Int8"/>.</param>
    /// <exception cref="WhisperException">The model cannot be read, or the directory not written.</exception>
    public static void Quantize(string model, string outputDirectory, ComputeType weights = ComputeType.Int8)
    {
        ArgumentException.ThrowIfNullOrEmpty(model);
        ArgumentException.ThrowIfNullOrEmpty(outputDirectory);
        NativeLoader.EnsureLoaded();
        using Utf8Arena arena = new();
        byte* source = arena.Add(model, out long sourceSize);
        byte* target = arena.Add(outputDirectory, out long targetSize);
        NativeError.ThrowIfFailed(NativeMethods.Quantize(source, sourceSize, target, targetSize, (int)weights));
    }
}

/// <summary>What the native library is and finds on this machine.</summary>
public static unsafe class WhisperDoctor
{
    /// <summary>What was looked for, what was found and why not: a JSON object.</summary>
    public static string Report()
    {
        NativeLoader.EnsureLoaded();
        NativeError.ThrowIfFailed(NativeMethods.Doctor(out TextHandle report));
        return Utf8.Take(report);
    }

    /// <summary>Version, compiler, and what the library was built with: a JSON object.</summary>
    public static string BuildInfo()
    {
        NativeLoader.EnsureLoaded();
        return Utf8.ReadTerminated(NativeMethods.BuildInfo());
    }

    /// <summary>
    /// Finds and loads the native library, which the first use does otherwise: a program that starts can do it beside other work.
    /// </summary>
    /// <exception cref="DllNotFoundException">It was not found; the message lists where it was looked for.</exception>
    /// <exception cref="AbiMismatchException">It is of another version.</exception>
    public static void EnsureNativeLibrary() => NativeLoader.EnsureLoaded();
}

/// <summary>Normalises texts as for word error rates.</summary>
public static unsafe class TextNormalizer
{
    /// <summary>Normalises a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="normalization">How.</param>
    public static string Normalize(string text, TextNormalization normalization = TextNormalization.English)
    {
        ArgumentNullException.ThrowIfNull(text);
        NativeLoader.EnsureLoaded();
        using Utf8Arena arena = new();
        byte* bytes = arena.Add(text, out long size);
        NativeError.ThrowIfFailed(NativeMethods.Normalize((int)normalization, bytes, size, out TextHandle normalized));
        return Utf8.Take(normalized);
    }
}
