using System.Diagnostics;

namespace WhisperTrt.Cli;

/// <summary>Does what <c>eval</c> asks for: all clips at once through one engine for each device, each scored as it is done.</summary>
internal sealed class Evaluator
{
    private readonly TranscribeSettings settings;
    private readonly Terminal terminal;
    private readonly ProgressBar? progress;
    private readonly IReadOnlyList<Clip> clips;
    private readonly EvalClip?[] scored;
    private readonly EvalExcuse?[] failed;

    private Evaluator(TranscribeSettings settings, Terminal terminal, ProgressBar? progress, IReadOnlyList<Clip> clips)
    {
        this.settings = settings;
        this.terminal = terminal;
        this.progress = progress;
        this.clips = clips;
        scored = new EvalClip?[clips.Count];
        failed = new EvalExcuse?[clips.Count];
    }

    internal static async Task<int> RunAsync(
        string source, string? json, TranscribeSettings settings, Terminal terminal, CancellationToken cancellationToken)
    {
        Honoured.Check(settings);
        RefuseUnwritable(json);
        Manifest manifest = Manifest.Read(source);
        terminal.Complain($"{manifest.Path}: {manifest.Format}, {manifest.Clips.Count} clips");
        using DeviceModels models = DeviceModels.Load(settings, terminal);
        WhisperModel model = models.First;
        cancellationToken.ThrowIfCancellationRequested();

        List<Clip> clips = [];
        List<EvalExcuse> skipped = [];
        foreach (Clip clip in manifest.Clips)
        {
            if (WhyNot(clip, model) is { } reason)
            {
                skipped.Add(new EvalExcuse(clip.File, reason));
            }
            else
            {
                clips.Add(clip);
            }
        }

        if (clips.Count == 0)
        {
            throw new UsageException($"{manifest.Path} has no clip with a transcript in a language that the model knows.");
        }

        settings = Transcriber.AdaptLanguage(settings, model.Info, terminal) with { Audio = [.. clips.Select(clip => clip.Path)] };
        ProgressBar? bar = terminal.ErrorIsTerminal ? new ProgressBar(clips.Count) : null;
        Evaluator self = new(settings, terminal, bar, clips);
        double seconds = await self.MeasureAsync(models, cancellationToken).ConfigureAwait(false);
        EvalReport report = self.Report(manifest, models.Path, model.Info, seconds, skipped);
        Publish(report, json, terminal);
        return report.Failed.Count == 0 ? ExitCode.Ok : ExitCode.SomeFailed;
    }

    /// <summary>Before the work, not after it.</summary>
    private static void RefuseUnwritable(string? json)
    {
        if (json is null or "-")
        {
            return;
        }

        if (Directory.Exists(json))
        {
            throw new UsageException($"--json {json}: this is a folder; name a file.");
        }

        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(json))))
        {
            throw new UsageException($"--json {json}: there is no such folder.");
        }
    }

    private static string? WhyNot(Clip clip, WhisperModel model) =>
        clip.Transcript.Length == 0 ? "no transcript"
        : clip.Language.Length > 0 && CodeOf(clip.Language, model) is null ? $"unknown language {clip.Language}"
        : null;

    private static string? CodeOf(string language, WhisperModel model) =>
        model.Languages.FirstOrDefault(known => known.Code == language || known.Name == language).Code;

    private async Task<double> MeasureAsync(DeviceModels models, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            _ = progress is null
                ? await TranscribeAllAsync(models, cancellationToken).ConfigureAwait(false)
                : await progress.ShowAsync(terminal, () => TranscribeAllAsync(models, cancellationToken)).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            terminal.Complain($"whispertrt: {scored.Count(clip => clip is not null)} of {clips.Count} clips were done; nothing is reported");
            throw;
        }

        return watch.Elapsed.TotalSeconds;
    }

    private async Task<int> TranscribeAllAsync(DeviceModels models, CancellationToken cancellationToken)
    {
        WorkQueue queue = models.CreateEngines(settings);
        await using (queue.ConfigureAwait(false))
        {
            TranscribeOptions options = settings.ToTranscribeOptions();
            List<Task> running = [];
            for (int i = 0; i < clips.Count; i++)
            {
                TranscribeOptions own = clips[i].Language.Length == 0 ? options : options with { Language = CodeOf(clips[i].Language, models.First) };
                Transcription transcription =
                    await queue.StartAsync(Audio.FromFile(clips[i].Path), own, progress?.Of(i), cancellationToken).ConfigureAwait(false);
                running.Add(FollowAsync(i, transcription, queue, cancellationToken));
            }

            await Task.WhenAll(running).ConfigureAwait(false);
        }

        return ExitCode.Ok;
    }

    private async Task FollowAsync(int index, Transcription transcription, WorkQueue queue, CancellationToken cancellationToken)
    {
        Clip clip = clips[index];
        try
        {
            await using (transcription.ConfigureAwait(false))
            {
                using Transcript transcript = await transcription.ToEndAsync(CancellationToken.None).ConfigureAwait(false);
                scored[index] = Score(clip, transcript);
            }
        }
        catch (WhisperException error) when (!cancellationToken.IsCancellationRequested)
        {
            terminal.Complain($"{clip.File}: {error.Message}");
            failed[index] = new EvalExcuse(clip.File, error.Message);
        }
        finally
        {
            queue.Leave();
        }

        progress?.Finish(index);
    }

    private EvalClip Score(Clip clip, Transcript transcript)
    {
        // A clip's language is the one it was transcribed in; a translation is English.
        string language = settings.Task == SpeechTask.Translate ? "en" : transcript.Language;
        return new EvalClip
        {
            File = clip.File,
            Language = language,
            Seconds = transcript.Duration.TotalSeconds,
            Reference = clip.Transcript,
            Text = transcript.Text,
            Errors = Scoring.Score(clip.Transcript, transcript.Text, language),
        };
    }

    private EvalReport Report(Manifest manifest, string model, ModelInfo info, double seconds, IReadOnlyList<EvalExcuse> skipped)
    {
        EvalClip[] done = [.. scored.OfType<EvalClip>()];
        using Process process = Process.GetCurrentProcess();
        return new EvalReport
        {
            Manifest = manifest.Path,
            ManifestFormat = manifest.Format,
            Model = model,
            Device = info.Device.ToString().ToLowerInvariant(),
            ComputeType = info.ComputeType.ToString().ToLowerInvariant(),
            Threads = info.CpuThreads,
            AudioSeconds = done.Sum(clip => clip.Seconds),
            Seconds = seconds,
            PeakResidentBytes = process.PeakWorkingSet64,
            Total = EvalScore.Of(done, null),
            Languages = [.. done.GroupBy(clip => clip.Language).Select(group => EvalScore.Of([.. group], group.Key)).OrderByDescending(score => score.Words)],
            Failed = [.. failed.OfType<EvalExcuse>()],
            Skipped = skipped,
            Clips = done,
        };
    }

    private static void Publish(EvalReport report, string? json, Terminal terminal)
    {
        if (json == "-")
        {
            terminal.Write(report.ToJson());
            return;
        }

        if (json is not null)
        {
            File.WriteAllText(json, report.ToJson());
        }

        EvalTable.Print(report, terminal);
    }
}
