namespace WhisperTrt.Cli;

/// <summary>Which model <c>--model</c> and <c>--model_dir</c> mean.</summary>
internal static class ModelLocator
{
    internal const string BundledName = "whisper-tiny.en-int8";

    internal static string Locate(string? model, string? directory, string baseDirectory)
    {
        if (model is null)
        {
            return Bundled(baseDirectory);
        }

        return directory is null ? model : InDirectory(model, directory);
    }

    private static string InDirectory(string model, string directory)
    {
        string[] candidates = [Path.Combine(directory, model), Path.Combine(directory, $"whisper-{model}")];
        return candidates.FirstOrDefault(Directory.Exists) ?? throw new ModelNotFoundException(
            $"--model {model} is not in --model_dir {directory}; looked for {string.Join(" and ", candidates)}.");
    }

    /// <summary>The model in the repository, which a build also puts beside the program.</summary>
    private static string Bundled(string baseDirectory)
    {
        List<string> tried = [];
        for (DirectoryInfo? folder = new(baseDirectory); folder is not null && tried.Count < 6; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "models", BundledName);
            if (Directory.Exists(candidate))
            {
                return candidate;
            }

            tried.Add(candidate);
        }

        throw new ModelNotFoundException(
            $"The bundled model {BundledName} is not beside the program. Name one: --model tiny.en, or --model DIRECTORY of a checkpoint. " +
            $"Looked for {string.Join(", ", tried)}.");
    }
}
