using System.CommandLine;

namespace WhisperTrt.Cli;

/// <summary><c>whispertrt eval DIR</c>: how many words are wrong.</summary>
internal static class EvalCommand
{
    /// <summary>Options of <c>transcribe</c> that only concern what is written.</summary>
    private static readonly string[] AboutOutput =
    [
        "--output_dir", "--output_format", "--verbose", "--highlight_words", "--max_line_width", "--max_line_count", "--max_words_per_line",
        "--json_trace", "--input_format",
    ];

    internal static Command Create(Terminal terminal)
    {
        Argument<string> manifest = new("dir") { Description = "folder with manifest.tsv (columns file, transcript, language) or manifest.jsonl (file, text, language), or such a file" };
        Setting<string?> json = Options.Name("--json", "write everything found as JSON to this file; -: to standard output, in place of the table");
        TranscribeCommand transcribe = new();
        Command command = new(
            "eval",
            "Transcribe recordings whose text is known, and say how many words are wrong. Takes the options of transcribe; a clip's language is the manifest's, and --language is for clips without one.")
        {
            manifest, json.Option,
        };
        foreach (Option option in transcribe.Command.Options.Where(option => !AboutOutput.Contains(option.Name)))
        {
            command.Options.Add(option);
        }

        command.SetAction((result, cancellation) =>
            Evaluator.RunAsync(result.GetValue(manifest)!, json.Of(result), transcribe.Read(result), terminal, cancellation));
        return command;
    }
}
