using System.Globalization;
using Spectre.Console;

namespace WhisperTrt.Cli;

/// <summary>An evaluation as a table on the terminal.</summary>
internal static class EvalTable
{
    /// <summary>Columns where the output is no terminal, so that nothing is wrapped.</summary>
    private const int FileWidth = 160;

    internal static void Print(EvalReport report, Terminal terminal)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(terminal.Output),
            Ansi = terminal.OutputIsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        });
        if (!terminal.OutputIsTerminal)
        {
            console.Profile.Width = FileWidth;
        }

        console.Write(Of(report));
        terminal.Write(Summary(report));
    }

    private static Table Of(EvalReport report)
    {
        Table table = new() { Border = TableBorder.Simple };
        table.AddColumn("language");
        table.AddColumn("unit");
        foreach (string name in (ReadOnlySpan<string>)["clips", "words", "WER %", "95% interval", "substitutions", "deletions", "insertions"])
        {
            table.AddColumn(new TableColumn(name).RightAligned());
        }

        foreach (EvalScore score in report.Languages)
        {
            table.AddRow(Row(score, score.Characters ? "characters" : "words"));
        }

        if (report.Languages.Count != 1)
        {
            table.AddRow(Row(report.Total, ""));
        }

        return table;
    }

    private static Text[] Row(EvalScore score, string unit) =>
    [
        new(score.Language),
        new(unit),
        .. ((string[])
        [
            Show($"{score.Clips}"), Show($"{score.Words}"), Show($"{score.WerPercent:0.00}"),
            Show($"{score.WerPercentLow:0.00} .. {score.WerPercentHigh:0.00}"),
            Show($"{score.Substitutions}"), Show($"{score.Deletions}"), Show($"{score.Insertions}"),
        ]).Select(static cell => new Text(cell)),
    ];

    private static string Summary(EvalReport report)
    {
        List<string> lines =
        [
            Show($"{report.Model}, {report.Device}, {report.ComputeType}, {report.Threads} threads"),
            Show($"{report.AudioSeconds:0.0} s of audio in {report.Seconds:0.0} s: real-time factor {report.RealTimeFactor:0.0000}"),
            Show($"peak resident memory {report.PeakResidentBytes / 1e6:0} MB"),
        ];
        if (report.Skipped.Count > 0)
        {
            IEnumerable<string> reasons = report.Skipped.CountBy(static clip => clip.Reason).OrderByDescending(static reason => reason.Value)
                .Select(static reason => Show($"{reason.Value} {reason.Key}"));
            lines.Add(Show($"skipped: {report.Skipped.Count} ({string.Join(", ", reasons)})"));
        }

        lines.AddRange(report.Failed.Select(static failed => $"failed: {failed.File}: {failed.Reason}"));
        return string.Concat(lines.Select(static line => line + "\n"));
    }

    private static string Show(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
