using System.CommandLine;
using System.CommandLine.Parsing;

namespace WhisperTrt.Cli;

/// <summary><c>whispertrt listen -</c>: writes down what is said while it is said.</summary>
internal static class ListenCommand
{
    /// <summary>Options of <c>transcribe</c> that mean nothing here, or that a live transcription refuses.</summary>
    private static readonly string[] NotHere =
    [
        "--output_dir", "--output_format", "--verbose", "--highlight_words", "--max_line_width", "--max_line_count", "--max_words_per_line",
        "--json_trace", "--input_format", "--clip_timestamps", "--without_timestamps", "--max_initial_timestamp", "--word_timestamps",
        "--prepend_punctuations", "--append_punctuations", "--hallucination_silence_threshold", "--prefix", "--vad_filter",
        "--batched", "--channels", "--audio_context", "--audio_context_tail", "--multilingual", "--language_detection_threshold", "--language_detection_segments",
    ];

    internal static Command Create(Terminal terminal)
    {
        Argument<string> audio = new("audio") { Description = "-: standard input, raw 16 kHz mono signed 16-bit little-endian samples" };
        Setting<double> interval = Options.Double("--live_interval", new TranscribeOptions().LiveInterval.TotalSeconds, "seconds of new audio between two hypotheses, 0.1..30");
        TranscribeCommand transcribe = new();
        Command command = new(
            "listen",
            "Write down what is said while it is said: lines that stay, and on a terminal the words behind them that may still change. Takes options of transcribe; greedy unless --beam_size is given.")
        {
            audio, interval.Option,
        };
        HashSet<string> notHere = [.. NotHere, .. new VadSettings().All.Select(option => option.Name)];
        foreach (Option option in transcribe.Command.Options.Where(option => !notHere.Contains(option.Name)))
        {
            command.Options.Add(option);
        }

        Option beams = command.Options.First(option => option.Name == "--beam_size");
        beams.Description = "beams when the temperature is 0; None and 1 are greedy [default 1]";

        command.SetAction((result, cancellation) =>
        {
            if (result.GetValue(audio) is not OutputFiles.StandardInput)
            {
                throw new UsageException("listen reads standard input: whispertrt listen -  (recordings are for transcribe)");
            }

            TranscribeSettings settings = transcribe.Read(result);
            settings = result.GetResult(beams) is null ? settings with { BeamSize = 1 } : settings;
            return Listener.RunAsync(settings, TimeSpan.FromSeconds(interval.Of(result)), terminal, cancellation);
        });
        return command;
    }
}
