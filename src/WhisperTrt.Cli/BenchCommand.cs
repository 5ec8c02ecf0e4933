using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace WhisperTrt.Cli;

/// <summary><c>whispertrt bench MODEL</c> or <c>whispertrt bench --random large-v2</c>: how long each act of the device takes.</summary>
internal static class BenchCommand
{
    internal static Command Create(Terminal terminal)
    {
        Argument<string?> model = new("model") { Description = "name of a model, or the directory of a checkpoint", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> random = new("--random")
        {
            Description = "random weights of this size instead",
            HelpName = "tiny|base|small|medium|large-v1|large-v2|large-v3|turbo",
        };
        Setting<string?> device = Options.Text("--device", "auto", "device to measure: auto, cpu, cuda or cuda:INDEX");
        Setting<ComputeType?> computeType = Options.Choice("--compute_type", null, "numbers to compute with", TranscribeCommand.ComputeTypeNames);
        Option<int[]> batches = new("--batch") { Description = "windows together and rows of a step (default 1 8 32)", AllowMultipleArgumentsPerToken = true };
        Setting<int> repetitions = Options.Int("--repetitions", new BenchOptions().Repetitions, "runs, of which the median counts");
        Setting<double> teraFlops = Options.Double("--tera_flops", 0, "10^12 operations a second of the device, for the floors; 0: none");
        Setting<double> teraBytes = Options.Double("--tera_bytes", 0, "10^12 bytes a second of the device, for the floors; 0: none");
        Option<bool> json = new("--json") { Description = "print the figures as JSON" };
        Command command = new("bench", "Time each act of the device on a model, beside what arithmetic allows.")
        {
            model, random, device.Option, computeType.Option, batches, repetitions.Option, teraFlops.Option, teraBytes.Option, json,
        };
        command.SetAction(result =>
        {
            string? size = result.GetValue(random), name = result.GetValue(model);
            if ((size is null) == (name is null))
            {
                throw new UsageException("bench: give a model, or --random and a size.");
            }

            string path = size is not null ? "random:" + size : ModelLocator.Locate(name!, null, AppContext.BaseDirectory);
            TranscribeSettings settings = new() { Device = device.Of(result), ComputeType = computeType.Of(result) };
            using WhisperModel loaded = WhisperModel.Load(path, settings.ToModelOptions());
            BenchOptions options = new()
            {
                Repetitions = repetitions.Of(result),
                TeraFlops = teraFlops.Of(result),
                TeraBytes = teraBytes.Of(result),
            };
            if (result.GetValue(batches) is { Length: > 0 } given)
            {
                options = options with { Batches = given };
            }

            string report = loaded.Bench(options);
            terminal.Write(result.GetValue(json) ? report.TrimEnd() + "\n" : Table(report));
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>The figures as lines: phase, batch, milliseconds, floor and share of it.</summary>
    internal static string Table(string report)
    {
        using JsonDocument document = JsonDocument.Parse(report);
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"on {document.RootElement.GetProperty("device").GetString()}\n");
        text.Append(CultureInfo.InvariantCulture, $"{"phase",-36}{"batch",6}{"ms",12}{"floor ms",12}{"of floor",10}\n");
        foreach (JsonElement phase in document.RootElement.GetProperty("phases").EnumerateArray())
        {
            double time = phase.GetProperty("milliseconds").GetDouble(), floor = phase.GetProperty("floor_milliseconds").GetDouble();
            string share = floor > 0 ? (floor / time).ToString("P0", CultureInfo.InvariantCulture) : "-";
            string least = floor > 0 ? floor.ToString("0.000", CultureInfo.InvariantCulture) : "-";
            text.Append(
                CultureInfo.InvariantCulture,
                $"{phase.GetProperty("name").GetString(),-36}{phase.GetProperty("batch").GetInt32(),6}{time,12:0.000}{least,12}{share,10}\n");
        }

        return text.ToString();
    }
}
