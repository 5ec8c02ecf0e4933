using System.Diagnostics;
using System.Text.Json;
using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary><c>whispertrt eval</c>: manifests, and a real evaluation.</summary>
public sealed class EvaluationTests : IDisposable
{
    private const string Said =
        "IF THE READER WILL EXCUSE ME I WILL SAY NOTHING OF MY ANTECEDENTS NOR OF THE CIRCUMSTANCES WHICH LED ME TO LEAVE MY NATIVE COUNTRY " +
        "THE NARRATIVE WOULD BE TEDIOUS TO HIM AND PAINFUL TO MYSELF";

    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_tab_separated_manifest_names_its_columns()
    {
        Write("manifest.tsv", "language\tnote\tfile\ttranscript\nen-US\tx\ta/b.wav\tHello \"there\". \n\n\t\t/c.wav\t\nJA\t\td.wav\tこんにちは\n");
        Manifest manifest = Manifest.Read(folder);
        Assert.Equal(Path.Combine(folder, "manifest.tsv"), manifest.Path);
        Assert.Equal("tab-separated", manifest.Format);
        Assert.Equal(
            [
                new Clip("a/b.wav", Path.Combine(folder, "a/b.wav"), "Hello \"there\".", "en"),
                new Clip("/c.wav", "/c.wav", "", ""),
                new Clip("d.wav", Path.Combine(folder, "d.wav"), "こんにちは", "ja"),
            ],
            manifest.Clips);
    }

    [Fact]
    public void A_manifest_of_JSON_lines_has_an_object_per_line()
    {
        string file = Write("other.jsonl", "{\"file\": \"a.wav\", \"text\": \"Hei\\tdu\", \"language\": \"german\", \"more\": 1}\n{\"file\": \"b.wav\", \"language\": null}\n");
        Manifest manifest = Manifest.Read(file);
        Assert.Equal("JSON lines", manifest.Format);
        Assert.Equal(
            [new Clip("a.wav", Path.Combine(folder, "a.wav"), "Hei\tdu", "german"), new Clip("b.wav", Path.Combine(folder, "b.wav"), "", "")],
            manifest.Clips);
    }

    [Theory]
    [InlineData("manifest.tsv", "file\ttranscript\na.wav\tx\n", "file, transcript, language")]
    [InlineData("manifest.tsv", "file\ttranscript\tlanguage\na.wav\tx\ten\nb.wav\n", "line 3")]
    [InlineData("manifest.tsv", "file\ttranscript\tlanguage\n\tx\ten\n", "line 2")]
    [InlineData("manifest.tsv", "", "file, transcript, language")]
    [InlineData("manifest.jsonl", "{\"file\": \"a\"}\n{\"file\": 3}\n", "line 2")]
    [InlineData("manifest.jsonl", "[]\n", "line 1")]
    [InlineData("manifest.jsonl", "{\"file\": \"a\"\n", "line 1")]
    [InlineData("manifest.jsonl", "{\"text\": \"a\"}\n", "line 1")]
    [InlineData("list.txt", "", "manifest.tsv or manifest.jsonl")]
    public async Task A_manifest_that_cannot_be_read_is_wrong_usage(string name, string content, string expected)
    {
        Write(name, content);
        (int code, _, string error) = await RunAsync(["eval", folder]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_meant_must_be_clear()
    {
        Write("manifest.tsv", "file\ttranscript\tlanguage\n");
        Write("manifest.jsonl", "");
        (int code, _, string error) = await RunAsync(["eval", folder]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("manifest.tsv and manifest.jsonl", error, StringComparison.Ordinal);
        foreach (string[] args in (string[][])
            [["eval", folder, "--output_dir", "x"], ["eval", folder, "--beam_size", "x"], ["eval"], ["eval", folder, "--json", "/no/such/folder/x.json"], ["eval", folder, "--json", folder], ["eval", "/no/such/list.tsv"]])
        {
            (code, _, error) = await RunAsync(args);
            Assert.Equal(ExitCode.Usage, code);
            Assert.Contains(args[^1] == "eval" ? "eval --help" : args[^2], error + "eval", StringComparison.Ordinal);
        }
    }

    [ProgramFact("python3", needsSpeech: true)]
    public async Task Real_speech_is_scored_as_the_benches_score_it()
    {
        Write("garbage.wav", "this is no audio");
        string clip = Repository.Clips[0];
        Write("manifest.jsonl", string.Concat(
            Line(clip, Said, "en"), Line(clip, $"{Said} and quite some words that nobody said", ""), Line("garbage.wav", "x", "en"),
            Line("missing.wav", "x", "en"), Line(clip, "", "en"), Line(clip, "Guten Tag", "de")));
        (int code, string output, string error) = await RunAsync(["eval", folder, "--model", Repository.Model, "--json", "-", "--compute_type", "int8"]);
        Assert.True(code == ExitCode.SomeFailed, error);
        Assert.Contains("JSON lines, 6 clips", error, StringComparison.Ordinal);
        Assert.Contains("garbage.wav: ", error, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(output);
        JsonElement report = document.RootElement;
        Assert.Equal(["garbage.wav", "missing.wav"], Files(report.GetProperty("failed")));
        Assert.Equal(2, report.GetProperty("skipped").GetArrayLength());
        JsonElement[] clips = [.. report.GetProperty("clips").EnumerateArray()];
        Assert.Equal(2, clips.Length);
        Assert.InRange(Errors(clips[0]), 0, 2);
        Assert.Equal(7, clips[1].GetProperty("deletions").GetInt32() - clips[0].GetProperty("deletions").GetInt32());
        JsonElement total = report.GetProperty("total");
        Assert.Equal(clips.Sum(Errors), Errors(total));
        Assert.Equal(100.0 * Errors(total) / total.GetProperty("words").GetInt32(), total.GetProperty("wer_percent").GetDouble());
        Assert.InRange(total.GetProperty("wer_percent").GetDouble(), total.GetProperty("wer_percent_low").GetDouble(), total.GetProperty("wer_percent_high").GetDouble());
        Assert.True(report.GetProperty("real_time_factor").GetDouble() > 0);
        Assert.True(report.GetProperty("peak_resident_bytes").GetInt64() > 50_000_000);
        Assert.Equal(
            clips.Select(scored => (Errors(scored), scored.GetProperty("words").GetInt32())),
            await ByTheBenchesAsync(clips));
    }

    [SpeechFact]
    public async Task A_table_is_printed_and_JSON_goes_to_its_file()
    {
        string json = Path.Combine(folder, "out.json");
        Write("manifest.tsv", $"file\ttranscript\tlanguage\n{Repository.Clips[0]}\t{Said}\ten\n");
        (int code, string output, string error) = await RunAsync(["eval", folder, "--model", Repository.Model, "--json", json]);
        Assert.True(code == ExitCode.Ok, error);
        foreach (string expected in (string[])["WER %", "95% interval", "substitutions", "real-time factor", "peak resident memory"])
        {
            Assert.Contains(expected, output, StringComparison.Ordinal);
        }

        using JsonDocument report = JsonDocument.Parse(File.ReadAllText(json));
        Assert.Equal(1, report.RootElement.GetProperty("total").GetProperty("clips").GetInt32());
    }

    /// <summary>(errors, words) as bench/_wer.py has them.</summary>
    private static async Task<List<(int Errors, int Words)>> ByTheBenchesAsync(JsonElement[] clips)
    {
        const string Script = """
            import json, sys, _wer
            for clip in json.load(sys.stdin):
                print(*_wer.errors(clip["reference"], clip["text"], clip["language"]))
            """;
        ProcessStartInfo start = new("python3", ["-c", Script]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["PYTHONPATH"] = string.Join(
            Path.PathSeparator, Path.Combine(Repository.Root, "bindings", "python"), Path.Combine(Repository.Root, "bench"));
        using Process process = Process.Start(start)!;
        await process.StandardInput.WriteAsync($"[{string.Join(',', clips.Select(clip => clip.GetRawText()))}]");
        process.StandardInput.Close();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).Select(pair => (Number(pair[0]), Number(pair[1])))];
    }

    private static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static int Errors(JsonElement score) =>
        score.GetProperty("substitutions").GetInt32() + score.GetProperty("deletions").GetInt32() + score.GetProperty("insertions").GetInt32();

    private static IEnumerable<string> Files(JsonElement list) => list.EnumerateArray().Select(entry => entry.GetProperty("file").GetString()!);

    private static string Line(string file, string text, string language) =>
        JsonSerializer.Serialize(new Dictionary<string, string> { ["file"] = file, ["text"] = text, ["language"] = language }) + "\n";

    private string Write(string name, string content)
    {
        string path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await CommandLine.RunAsync(args, new Terminal(output, error, false, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
