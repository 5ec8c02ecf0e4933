using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace WhisperTrt.Cli;

/// <summary><c>whispertrt vad FILE</c>: where speech is, without a model.</summary>
internal static class VadCommand
{
    internal static Command Create(Terminal terminal)
    {
        Argument<string[]> audio = new("audio") { Description = "audio or video files; - is standard input", Arity = ArgumentArity.OneOrMore };
        Option<bool> json = new("--json") { Description = "print a JSON object per file, with the samples at 16 kHz" };
        VadSettings settings = new();
        Command command = new("vad", "Say where speech is. Options have faster-whisper's names.") { audio, json };
        foreach (Option<string?> option in settings.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(result => Run(result.GetValue(audio) ?? [], settings.Of(result), result.GetValue(json), terminal));
        return command;
    }

    private static int Run(string[] files, VadOptions options, bool json, Terminal terminal)
    {
        int failed = 0;
        foreach (string file in files)
        {
            try
            {
                DetectedSpeech speech = Vad.DetectSpeech(Open(file), options);
                terminal.Write(json ? Json(file, speech) : Text(files.Length > 1 ? $"{file}: " : "", speech));
            }
            catch (WhisperException error) when (error is not InvalidOptionException)
            {
                terminal.Complain($"{file}: {error.Message}");
                failed++;
            }
        }

        return failed == 0 ? ExitCode.Ok : ExitCode.SomeFailed;
    }

    private static Audio Open(string file) => file == OutputFiles.StandardInput
        ? Audio.FromDescriptor(new SafeFileHandle(0, ownsHandle: false))
        : Audio.FromFile(file);

    internal static string Text(string prefix, DetectedSpeech speech)
    {
        StringBuilder text = new();
        foreach (SpeechSpan span in speech.Spans)
        {
            text.Append(CultureInfo.InvariantCulture, $"{prefix}[{Timestamp.Format(span.Start)} --> {Timestamp.Format(span.End)}]\n");
        }

        return text.ToString();
    }

    internal static string Json(string file, DetectedSpeech speech)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("file", file);
            json.WriteNumber("duration", speech.Duration.TotalSeconds);
            json.WriteStartArray("spans");
            foreach (SpeechSpan span in speech.Spans)
            {
                json.WriteStartObject();
                json.WriteNumber("start", span.StartSample);
                json.WriteNumber("end", span.EndSample);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)) + "\n";
    }
}
