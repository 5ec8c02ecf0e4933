using System.Text.Json;
using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary>The verb <c>bench</c>: what it takes, and how it shows what it found.</summary>
public sealed class BenchTests
{
    [Fact]
    public void Figures_become_a_table()
    {
        string table = BenchCommand.Table("""
            {"device": "cuda:0 (NVIDIA H100)", "load_seconds": 0.4, "phases": [
              {"name": "encode and cross-KV", "batch": 8, "milliseconds": 40.0, "floor_milliseconds": 30.0},
              {"name": "decode step", "batch": 32, "milliseconds": 1.25, "floor_milliseconds": 0}]}
            """);
        string[] lines = table.TrimEnd('\n').Split('\n');
        Assert.Equal("on cuda:0 (NVIDIA H100)", lines[0]);
        Assert.Equal(["phase", "batch", "ms", "floor", "ms", "of", "floor"], Words(lines[1]));
        Assert.Equal(["encode", "and", "cross-KV", "8", "40.000", "30.000", "75", "%"], Words(lines[2]));
        Assert.Equal(["decode", "step", "32", "1.250", "-", "-"], Words(lines[3]));
        Assert.Single(lines[1..].Select(line => line.Length).Distinct());

        static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    [Theory]
    [InlineData("give a model, or --random")]
    [InlineData("give a model, or --random", "base", "--random", "tiny")]
    [InlineData("--repetitions", "base", "--repetitions", "few")]
    [InlineData("--tera_flops", "base", "--tera_flops", "nan")]
    [InlineData("--batch", "base", "--batch", "1", "x")]
    [InlineData("--device", "base", "--device", "gpu")]
    public async Task What_it_cannot_take_is_refused_by_name(string part, params string[] args)
    {
        (int code, string output, string error) = await RunAsync(args);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(part, error, StringComparison.Ordinal);
        Assert.Empty(output);
    }

    [NativeFact]
    public async Task A_size_that_is_not_known_and_a_value_out_of_range_are_refused_by_name()
    {
        (int code, _, string error) = await RunAsync(["--random", "huge", "--device", "cpu"]);
        Assert.Equal(ExitCode.NoModel, code);
        Assert.Contains("huge", error, StringComparison.Ordinal);
        Assert.Contains("large-v2", error, StringComparison.Ordinal);
        (code, _, error) = await RunAsync(["--random", "tiny", "--device", "cpu", "--repetitions", "0"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("repetitions", error, StringComparison.Ordinal);
    }

    [NativeFact]
    public async Task Random_weights_are_measured_at_each_batch()
    {
        (int code, string output, string error) =
            await RunAsync(["--random", "tiny", "--device", "cpu", "--batch", "1", "--repetitions", "1", "--tera_flops", "1", "--json"]);
        Assert.True(code == ExitCode.Ok, error);
        using JsonDocument report = JsonDocument.Parse(output);
        JsonElement[] phases = [.. report.RootElement.GetProperty("phases").EnumerateArray()];
        Assert.Equal(
            ["log-mel", "encode and cross-KV", "decode step", "decode step, 5 beams of one window", "whole windows"],
            phases.Select(phase => phase.GetProperty("name").GetString()));
        Assert.All(phases, phase => Assert.True(phase.GetProperty("milliseconds").GetDouble() > 0));
        Assert.True(phases[1].GetProperty("floor_milliseconds").GetDouble() > 0);
        Assert.Equal(0, phases[2].GetProperty("floor_milliseconds").GetDouble());  // of bytes, which were not given
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await CommandLine.RunAsync(["bench", .. args], new Terminal(output, error, false, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
