namespace WhisperTrt.Cli;

/// <summary>The files a transcript is written to: the recording's name without its extension, and the format's.</summary>
internal sealed class OutputFiles
{
    internal const string StandardInput = "-";

    /// <summary>What "all" means to openai/whisper; lrc is asked for by name.</summary>
    internal static readonly IReadOnlyList<OutputFormat> All = [OutputFormat.Txt, OutputFormat.Vtt, OutputFormat.Srt, OutputFormat.Tsv, OutputFormat.Json];

    private readonly string directory;
    private readonly IReadOnlyList<OutputFormat> formats;
    private readonly WriteOptions options;

    private OutputFiles(string directory, IReadOnlyList<OutputFormat> formats, WriteOptions options)
    {
        this.directory = directory;
        this.formats = formats;
        this.options = options;
    }

    /// <summary>Null if no files were asked for. The directory is made now, so that a wrong one is known before the work.</summary>
    internal static OutputFiles? Prepare(TranscribeSettings settings)
    {
        if (!settings.WritesFiles)
        {
            return null;
        }

        RefuseClashes(settings.Audio);
        string directory = settings.OutputDirectory ?? ".";
        try
        {
            Directory.CreateDirectory(directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"--output_dir {directory}: {error.Message}");
        }

        return new OutputFiles(directory, settings.OutputFormats ?? All, settings.ToWriteOptions());
    }

    internal void Write(string audio, Transcript transcript)
    {
        foreach (OutputFormat format in formats)
        {
            using FileStream file = File.Create(PathOf(audio, format));
            transcript.Write(format, file, options);
        }
    }

    internal string PathOf(string audio, OutputFormat format) =>
        Path.Combine(directory, $"{BaseName(audio)}.{Extension(format)}");

    /// <summary>As Python's splitext has it: dots that begin a name begin no extension.</summary>
    internal static string BaseName(string audio)
    {
        if (audio == StandardInput)
        {
            return "stdin";
        }

        string name = Path.GetFileName(audio);
        int dot = name.LastIndexOf('.');
        return dot > 0 && name.AsSpan(0, dot).ContainsAnyExcept('.') ? name[..dot] : name;
    }

    private static string Extension(OutputFormat format) => format switch
    {
        OutputFormat.Txt => "txt",
        OutputFormat.Srt => "srt",
        OutputFormat.Vtt => "vtt",
        OutputFormat.Tsv => "tsv",
        OutputFormat.Lrc => "lrc",
        _ => "json",
    };

    private static void RefuseClashes(IReadOnlyList<string> audio)
    {
        Dictionary<string, string> taken = [];
        foreach (string file in audio)
        {
            if (!taken.TryAdd(BaseName(file), file))
            {
                throw new UsageException($"{taken[BaseName(file)]} and {file} would be written to the same files; transcribe them one after the other, each into its own --output_dir.");
            }
        }
    }
}
