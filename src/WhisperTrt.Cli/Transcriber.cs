using Microsoft.Win32.SafeHandles;

namespace WhisperTrt.Cli;

/// <summary>Does what <c>transcribe</c> asks for: all files at once through one engine for each device, each reported as it comes.</summary>
internal sealed class Transcriber
{
    private readonly TranscribeSettings settings;
    private readonly Terminal terminal;
    private readonly OutputFiles? files;
    private readonly DeviceModels models;
    private readonly ProgressBar? progress;
    private readonly string?[] texts;
    private readonly bool[] done;
    private int failed;

    private Transcriber(TranscribeSettings settings, Terminal terminal, OutputFiles? files, DeviceModels models, ProgressBar? progress)
    {
        this.settings = settings;
        this.terminal = terminal;
        this.files = files;
        this.models = models;
        this.progress = progress;
        texts = new string?[settings.Audio.Count];
        done = new bool[settings.Audio.Count];
    }

    private bool Several => settings.Audio.Count > 1;

    internal static async Task<int> RunAsync(TranscribeSettings settings, Terminal terminal, CancellationToken cancellationToken)
    {
        Honoured.Check(settings);
        if (settings.Audio.Count(audio => audio == OutputFiles.StandardInput) > 1)
        {
            throw new UsageException("- (standard input) can be given once.");
        }

        foreach (string warning in Honoured.WithoutEffect(settings))
        {
            terminal.Complain($"whispertrt: {warning}");
        }

        OutputFiles? files = OutputFiles.Prepare(settings);
        using DeviceModels models = DeviceModels.Load(settings, terminal);
        cancellationToken.ThrowIfCancellationRequested();

        // A bar and live lines would write over each other on one terminal.
        bool live = settings.Verbose && terminal.OutputIsTerminal;
        ProgressBar? bar = terminal.ErrorIsTerminal && !live ? new ProgressBar(settings.Audio.Count) : null;
        Transcriber self = new(AdaptLanguage(settings, models.First.Info, terminal), terminal, files, models, bar);
        try
        {
            return bar is null
                ? await self.TranscribeAllAsync(cancellationToken).ConfigureAwait(false)
                : await bar.ShowAsync(terminal, () => self.TranscribeAllAsync(cancellationToken)).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            self.NameUnfinished();
            throw;
        }
        finally
        {
            self.PrintTexts();
        }
    }

    /// <summary>An English-only model is asked for English, as openai/whisper does.</summary>
    internal static TranscribeSettings AdaptLanguage(TranscribeSettings settings, ModelInfo info, Terminal terminal)
    {
        if (info.IsMultilingual || settings.Language is null)
        {
            return settings;
        }

        if (settings.Language.ToLowerInvariant() is not ("en" or "english"))
        {
            terminal.Complain($"whispertrt: the model is English-only; --language {settings.Language} becomes en");
        }

        return settings with { Language = "en" };
    }

    private async Task<int> TranscribeAllAsync(CancellationToken cancellationToken)
    {
        List<Task> running = [];
        try
        {
            WorkQueue queue = models.CreateEngines(settings);
            await using (queue.ConfigureAwait(false))
            {
                TranscribeOptions options = settings.ToTranscribeOptions();
                for (int i = 0; i < settings.Audio.Count; i++)
                {
                    Transcription transcription =
                        await queue.StartAsync(Open(settings.Audio[i]), options, progress?.Of(i), cancellationToken).ConfigureAwait(false);
                    running.Add(FollowAsync(i, transcription, queue, cancellationToken));
                }

                await Task.WhenAll(running).ConfigureAwait(false);
            }
        }
        finally
        {
            // Whatever ended it: a file that is being written is written to its end.
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return failed == 0 ? ExitCode.Ok : ExitCode.SomeFailed;
    }

    private Audio Open(string audio) => audio == OutputFiles.StandardInput
        ? Audio.FromDescriptor(new SafeFileHandle(0, ownsHandle: false), raw: settings.InputFormat == InputFormat.S16le)
        : Audio.FromFile(audio);

    /// <summary>One file from its first segment to what is written; its failure is its own.</summary>
    private async Task FollowAsync(int index, Transcription transcription, WorkQueue queue, CancellationToken cancellationToken)
    {
        string audio = settings.Audio[index];
        try
        {
            await using (transcription.ConfigureAwait(false))
            {
                await PrintSegmentsAsync(audio, transcription).ConfigureAwait(false);
                using Transcript transcript = await transcription.ToEndAsync(CancellationToken.None).ConfigureAwait(false);
                files?.Write(audio, transcript);
                if (files is null && !settings.Verbose)
                {
                    texts[index] = transcript.Write(OutputFormat.Txt);
                }
            }
        }
        catch (Exception error) when (IsOfThisFile(error) && !cancellationToken.IsCancellationRequested)
        {
            terminal.Complain($"{audio}: {error.Message}");
            Interlocked.Increment(ref failed);
        }
        finally
        {
            queue.Leave();
        }

        done[index] = true;
        progress?.Finish(index);
    }

    private static bool IsOfThisFile(Exception error) => error is WhisperException or IOException or UnauthorizedAccessException;

    private async Task PrintSegmentsAsync(string audio, Transcription transcription)
    {
        bool languageIsSaid = !settings.Verbose;
        string prefix = Several ? $"{audio}: " : "";
        await foreach (Segment segment in transcription.ReadSegmentsAsync().ConfigureAwait(false))
        {
            if (!languageIsSaid)
            {
                SayLanguage(prefix, transcription);
                languageIsSaid = true;
            }

            if (settings.Verbose)
            {
                terminal.WriteLine(prefix + (segment.Channel is { } channel ? $"channel {channel}: " : "") + Timestamp.Line(segment));
            }
        }
    }

    private void SayLanguage(string prefix, Transcription transcription)
    {
        if (transcription.DetectedLanguage is { } code && models.First.Info.IsMultilingual)
        {
            string name = models.First.Languages.FirstOrDefault(language => language.Code == code).Name ?? code;
            terminal.Complain($"{prefix}detected language: {name}");
        }
    }

    private void NameUnfinished()
    {
        foreach ((int index, string audio) in settings.Audio.Index())
        {
            if (!done[index])
            {
                terminal.Complain($"{audio}: not finished");
            }
        }
    }

    /// <summary>Whole texts come last and in the order of the files, whichever was done first.</summary>
    private void PrintTexts()
    {
        for (int i = 0; i < texts.Length; i++)
        {
            string prefix = Several ? $"{settings.Audio[i]}: " : "";
            foreach (string line in (texts[i] ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                terminal.WriteLine(prefix + line);
            }
        }
    }
}
