using Microsoft.Win32.SafeHandles;

namespace WhisperTrt.Cli;

/// <summary>Does what <c>listen</c> asks for.</summary>
internal static class Listener
{
    internal static async Task<int> RunAsync(TranscribeSettings settings, TimeSpan interval, Terminal terminal, CancellationToken cancellationToken)
    {
        Honoured.Check(settings);
        string path = ModelLocator.Locate(settings.Model, settings.ModelDirectory, AppContext.BaseDirectory);
        using WhisperModel model = WhisperModel.Load(path, settings.ToModelOptions());
        cancellationToken.ThrowIfCancellationRequested();
        TranscribeOptions options = Transcriber.AdaptLanguage(settings, model.Info, terminal).ToTranscribeOptions() with { LiveInterval = interval };
        WhisperEngine engine = model.CreateEngine(settings.ToEngineOptions(model.Info));
        await using (engine.ConfigureAwait(false))
        {
            Audio audio = Audio.FromDescriptor(new SafeFileHandle(0, ownsHandle: false), raw: true);
            LiveTranscription live = engine.OpenStream(options, audio, cancellationToken);
            await using (live.ConfigureAwait(false))
            {
                LiveLines lines = new(terminal);
                try
                {
                    await foreach (LiveText said in live.ReadAsync(CancellationToken.None).ConfigureAwait(false))
                    {
                        lines.Show(said);
                    }
                }
                finally
                {
                    // Interrupted or not: what is stable was said.
                    lines.Finish();
                }
            }
        }

        return ExitCode.Ok;
    }
}

/// <summary>Stable text in lines of about a sentence; on a terminal the line that is not full yet, with tentative text, below them.</summary>
internal sealed class LiveLines(Terminal terminal)
{
    private const int LongLine = 120;
    private const string ClearLine = "\r\u001b[K";
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private string line = "";
    private TimeSpan start;
    private TimeSpan end;

    internal void Show(LiveText said)
    {
        if (!said.IsStable)
        {
            Preview(said.Text);
            return;
        }

        if (line.Length > 0 && said.Segment.Start - end > Pause)
        {
            Finish();
        }

        if (line.Length == 0)
        {
            start = said.Segment.Start;
        }

        line += said.Text;
        end = said.Segment.End;
        if (line.Length >= LongLine || line.EndsWith('.') || line.EndsWith('!') || line.EndsWith('?') || line.EndsWith('。'))
        {
            Finish();
        }
        else
        {
            Preview("");
        }
    }

    /// <summary>Writes the line that is not full yet.</summary>
    internal void Finish()
    {
        string clear = terminal.OutputIsTerminal ? ClearLine : "";
        if (line.Length > 0)
        {
            terminal.Write($"{clear}[{Timestamp.Format(start)} --> {Timestamp.Format(end)}] {line}\n");
        }
        else if (clear.Length > 0)
        {
            terminal.Write(clear);
        }

        line = "";
    }

    private void Preview(string tentative)
    {
        if (terminal.OutputIsTerminal)
        {
            string shown = (line + tentative).Trim();
            int room = Math.Max(20, terminal.Width - 1);
            terminal.Write(ClearLine + (shown.Length > room ? shown[^room..] : shown));
        }
    }
}
