using WhisperTrt.Internal;

namespace WhisperTrt.Tests;

/// <summary>What tests of the real thing need; without it they are skipped and say why.</summary>
internal static class NativeParts
{
    internal static string? LibraryMissing { get; } = FindLibrary();

    internal static string? SpeechMissing { get; } =
        LibraryMissing
        ?? (Directory.Exists(Repository.Model) ? null : $"the model {Repository.Model} is not there")
        ?? (Repository.Clips.Length > 0 ? null : "there are no clips in samples/")
        ?? (HasProgram("ffmpeg") ? null : "the ffmpeg program is not installed");

    internal static bool HasProgram(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, name)));

    private static string? FindLibrary()
    {
        try
        {
            NativeLoader.EnsureLoaded();
            return null;
        }
        catch (DllNotFoundException)
        {
            return "the native library is not built";
        }
    }
}

/// <summary>A test that needs the native library.</summary>
public sealed class NativeFactAttribute : FactAttribute
{
    /// <summary>Skips where there is none.</summary>
    public NativeFactAttribute() => Skip = NativeParts.LibraryMissing;
}

/// <summary>A test that needs the native library, the bundled model and speech.</summary>
public sealed class SpeechFactAttribute : FactAttribute
{
    /// <summary>Skips where one is missing.</summary>
    public SpeechFactAttribute() => Skip = NativeParts.SpeechMissing;
}

/// <summary>Tests with cases that need the native library.</summary>
public sealed class NativeTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips where there is none.</summary>
    public NativeTheoryAttribute() => Skip = NativeParts.LibraryMissing;
}

/// <summary>A test that also runs another program of the machine.</summary>
public sealed class ProgramFactAttribute : FactAttribute
{
    /// <summary>Skips where it is not installed.</summary>
    /// <param name="program">The program.</param>
    /// <param name="needsSpeech">Whether the native library, the bundled model and speech are needed too.</param>
    public ProgramFactAttribute(string program, bool needsSpeech = false) =>
        Skip = (needsSpeech ? NativeParts.SpeechMissing : null) ?? (NativeParts.HasProgram(program) ? null : $"the {program} program is not installed");
}
