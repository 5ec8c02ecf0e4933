using System.Diagnostics;
using System.Text.Json;
using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary>The command line with a model, in this process and as a program of its own.</summary>
public sealed class ProgramTests
{
    private const string FirstLine = "[00:00.000 --> 00:05.580]  If the reader will excuse me,";

    [SpeechFact]
    public async Task Segments_are_printed_and_nothing_is_written()
    {
        (int code, string output, string error) = await RunAsync(["transcribe", Repository.Clips[0], "--model", Repository.Model]);
        Assert.True(code == ExitCode.Ok, error);
        Assert.StartsWith(FirstLine, output, StringComparison.Ordinal);
        Assert.Equal("", error);
    }

    [SpeechFact]
    public async Task Without_live_segments_the_text_is_printed()
    {
        (int code, string output, string error) = await RunAsync(["transcribe", Repository.Clips[0], "--model", Repository.Model, "--verbose", "False"]);
        Assert.True(code == ExitCode.Ok, error);
        Assert.StartsWith("If the reader will excuse me,", output, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Files_fail_by_themselves_and_the_others_go_on()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string garbage = Path.Combine(folder, "garbage.wav");
        File.WriteAllText(garbage, "this is no audio");
        string copy = Path.Combine(folder, "copy.flac");
        File.Copy(Repository.Clips[0], copy);
        string missing = Path.Combine(folder, "missing.wav");
        string target = Path.Combine(folder, "out", "deep");
        (int code, string output, string error) =
            await RunAsync(["transcribe", Repository.Clips[0], garbage, missing, copy, "--model", Repository.Model, "--output_dir", target]);
        Assert.Equal(ExitCode.SomeFailed, code);
        Assert.Contains($"{garbage}: ", error, StringComparison.Ordinal);
        Assert.Contains($"{missing}: ", error, StringComparison.Ordinal);
        Assert.Equal(2, error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains($"{copy}: {FirstLine}", output, StringComparison.Ordinal);
        string name = OutputFiles.BaseName(Repository.Clips[0]);
        Assert.Equal(
            new[] { "json", "srt", "tsv", "txt", "vtt" }.SelectMany(extension => new[] { $"copy.{extension}", $"{name}.{extension}" }).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(target).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip, new TranscribeSettings().ToTranscribeOptions());
        foreach (OutputFormat format in OutputFiles.All)
        {
            using MemoryStream expected = new();
            transcript.Write(format, expected);
            string extension = format.ToString().ToLowerInvariant();
            Assert.Equal(expected.ToArray(), File.ReadAllBytes(Path.Combine(target, $"copy.{extension}")));
            Assert.Equal(expected.ToArray(), File.ReadAllBytes(Path.Combine(target, $"{name}.{extension}")));
        }

        Directory.Delete(folder, recursive: true);
    }

    [SpeechFact]
    public async Task One_format_is_one_file()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        (int code, _, string error) = await RunAsync(["transcribe", Repository.Clips[0], "--model", Repository.Model, "-o", folder, "-f", "json"]);
        Assert.True(code == ExitCode.Ok, error);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Directory.EnumerateFiles(folder).Single()));
        Assert.Equal(["text", "segments", "language"], json.RootElement.EnumerateObject().Select(property => property.Name));
        (code, _, error) = await RunAsync(
            ["transcribe", Repository.Clips[0], "--model", Repository.Model, "-o", folder, "-f", "json", "--json_trace", "True"]);
        Assert.True(code == ExitCode.Ok, error);
        using JsonDocument traced = JsonDocument.Parse(File.ReadAllBytes(Directory.EnumerateFiles(folder).Single()));
        Assert.Equal(["text", "segments", "language", "trace"], traced.RootElement.EnumerateObject().Select(property => property.Name));
        (code, _, error) = await RunAsync(["transcribe", Repository.Clips[0], "--model", Repository.Model, "-o", folder, "-f", "lrc"]);
        Assert.True(code == ExitCode.Ok, error);
        Assert.StartsWith("[by:", File.ReadAllText(Directory.EnumerateFiles(folder, "*.lrc").Single()), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [SpeechFact]
    public async Task A_wrong_language_is_wrong_usage_and_an_english_model_speaks_english()
    {
        (int code, _, string error) = await RunAsync(["transcribe", Repository.Clips[0], "--model", Repository.Model, "--language", "German"]);
        Assert.True(code == ExitCode.Ok, error);
        Assert.Contains("English-only", error, StringComparison.Ordinal);
        (code, _, error) = await RunAsync(["transcribe", Repository.Clips[0], "--model", Repository.Model, "--max_new_tokens", "0"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("max_new_tokens", error, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Info_and_doctor_report()
    {
        (int code, string output, string error) = await RunAsync(["info", Repository.Model]);
        Assert.True(code == ExitCode.Ok, error);
        Assert.Contains("vocabulary:       51864", output, StringComparison.Ordinal);
        (code, output, error) = await RunAsync(["doctor", "--json"]);
        Assert.True(code == ExitCode.Ok, error);
        using JsonDocument report = JsonDocument.Parse(output);
        (code, output, _) = await RunAsync(["doctor"]);
        Assert.Equal(ExitCode.Ok, code);
        Assert.Contains("cpu:\n", output, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task A_model_that_is_not_there_ends_it()
    {
        (int code, _, string error) = await RunAsync(["transcribe", Repository.Clips[0], "--model", "/no/such/model"]);
        Assert.Equal(ExitCode.NoModel, code);
        Assert.Contains("/no/such/model", error, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Standard_input_is_transcribed()
    {
        using Process process = Start(["transcribe", "-", "--model", Repository.Model]);
        byte[] file = await File.ReadAllBytesAsync(Repository.Clips[0]);
        await process.StandardInput.BaseStream.WriteAsync(file);
        process.StandardInput.Close();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Speech.Patience);
        Assert.Equal(ExitCode.Ok, process.ExitCode);
        Assert.StartsWith(FirstLine, output, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Raw_samples_come_through_standard_input()
    {
        using Process process = Start(["transcribe", "-", "--model", Repository.Model, "--input_format", "s16le"]);
        await process.StandardInput.BaseStream.WriteAsync(Wave.Encode(Speech.ClipSamples.Value).AsMemory(44));
        process.StandardInput.Close();
        Assert.StartsWith(FirstLine, await process.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Listening_writes_lines_and_nothing_tentative_into_a_pipe()
    {
        using Process process = Start(["listen", "-", "--model", Repository.Model]);
        byte[] samples = Wave.Encode(Speech.ClipSamples.Value)[44..];
        foreach (byte[] second in samples.Chunk(32000))
        {
            await process.StandardInput.BaseStream.WriteAsync(second);
            await process.StandardInput.BaseStream.FlushAsync();
            await Task.Delay(100);
        }

        process.StandardInput.Close();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Speech.Patience);
        Assert.Equal(ExitCode.Ok, process.ExitCode);
        Assert.StartsWith("[00:0", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', output);
        Assert.Single(output.Split("reader will excuse me"), part => part.Contains("antecedents", StringComparison.Ordinal));
    }

    [SpeechFact]
    public async Task An_interrupt_ends_listening_and_keeps_what_is_stable()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using Process process = Start(["listen", "-", "--model", Repository.Model]);
        await process.StandardInput.BaseStream.WriteAsync(Wave.Encode(Speech.Repeat(4)).AsMemory(44));
        await process.StandardInput.BaseStream.FlushAsync();
        string? first = await process.StandardOutput.ReadLineAsync().WaitAsync(Speech.Patience);
        Assert.Contains("reader will excuse me", first, StringComparison.Ordinal);
        using Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await process.WaitForExitAsync().WaitAsync(Speech.Patience);
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        Assert.Equal("whispertrt: interrupted\n", await process.StandardError.ReadToEndAsync());
    }

    [Fact]
    public async Task An_interrupt_ends_a_verb_that_has_nothing_to_finish()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using Process process = Start(["vad", "-"]);
        await Task.Delay(500);
        using Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await process.WaitForExitAsync().WaitAsync(Speech.Patience);
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
    }

    [Fact]
    public async Task Listening_needs_standard_input()
    {
        (int code, _, string error) = await RunAsync(["listen", "talk.flac"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("standard input", error, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task An_interrupt_keeps_what_is_finished_and_names_the_rest()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        string folder = Directory.CreateTempSubdirectory().FullName;
        string endless = Path.Combine(folder, "long.wav");
        string target = Path.Combine(folder, "out");
        await File.WriteAllBytesAsync(endless, Wave.Encode(Speech.Repeat(200)));
        using Process process = Start(["transcribe", endless, Repository.Clips[0], "--model", Repository.Model, "-o", target, "-f", "txt", "--verbose", "False"]);
        string finished = Path.Combine(target, $"{OutputFiles.BaseName(Repository.Clips[0])}.txt");
        DateTime patience = DateTime.UtcNow + Speech.Patience;
        while (!(File.Exists(finished) && new FileInfo(finished).Length > 0))
        {
            Assert.True(DateTime.UtcNow < patience && !process.HasExited, "the short file was never finished");
            await Task.Delay(20);
        }

        // Twice, as timeout does: one interrupt all the same.
        using Process kill = Process.Start("sh", ["-c", $"kill -INT {process.Id}; sleep 0.005; kill -INT {process.Id}"]);
        await process.WaitForExitAsync().WaitAsync(Speech.Patience);
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        Assert.Equal($"{endless}: not finished\nwhispertrt: interrupted\n", await process.StandardError.ReadToEndAsync());
        Assert.StartsWith("If the reader", await File.ReadAllTextAsync(finished), StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFiles(target));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task What_cannot_be_written_is_an_error_and_no_crash()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        await using FileStream full = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        using StreamWriter output = new(full) { AutoFlush = true };
        using StringWriter error = new();
        int code = await CommandLine.RunAsync(["completion", "bash"], new Terminal(output, error, false, false), CancellationToken.None);
        Assert.Equal(ExitCode.SomeFailed, code);
        Assert.StartsWith("whispertrt: No space left on device", error.ToString(), StringComparison.Ordinal);
        output.AutoFlush = false;
    }

    private static Process Start(string[] args)
    {
        ProcessStartInfo start = new("dotnet", [typeof(CommandLine).Assembly.Location, .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await CommandLine.RunAsync(args, new Terminal(output, error, false, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
