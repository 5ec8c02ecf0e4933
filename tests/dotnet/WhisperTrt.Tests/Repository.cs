namespace WhisperTrt.Tests;

/// <summary>Files of the checkout that tests need.</summary>
internal static class Repository
{
    internal static string Root { get; } = FindRoot();

    internal static string Model => Path.Combine(Root, "models", "whisper-tiny.en-int8");

    /// <summary>The speech clips of the repository, in a fixed order.</summary>
    internal static string[] Clips { get; } = FindClips();

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "WhisperTrt.slnx")))
            {
                return folder.FullName;
            }
        }

        // Built outside the checkout.
        return Environment.GetEnvironmentVariable("WHISPERTRT_ROOT") is { Length: > 0 } root
            ? root
            : throw new InvalidOperationException("The tests lie outside a checkout; name it in WHISPERTRT_ROOT.");
    }

    private static string[] FindClips()
    {
        string folder = Path.Combine(Root, "samples");
        return !Directory.Exists(folder) ? [] : [.. Directory.EnumerateFiles(folder, "*.flac", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
    }
}
