using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace WhisperTrt.Cli;

/// <summary><c>whispertrt info MODEL</c>: what a model is.</summary>
internal static class InfoCommand
{
    internal static Command Create(Terminal terminal)
    {
        Argument<string> model = new("model") { Description = "name of a model, or the directory of a checkpoint" };
        Setting<string?> device = Options.Text("--device", "auto", "device to load it on: auto, cpu, cuda or cuda:INDEX");
        Setting<ComputeType?> computeType = Options.Choice("--compute_type", null, "numbers to compute with", TranscribeCommand.ComputeTypeNames);
        Setting<CpuIsa?> cpuIsa = Options.Choice("--cpu_isa", null, "CPU instructions to use, for tests", TranscribeCommand.CpuIsaNames);
        Command command = new("info", "Say what a model is and what it takes.") { model, device.Option, computeType.Option, cpuIsa.Option };
        command.SetAction(result =>
        {
            TranscribeSettings settings = new()
            {
                Device = device.Of(result),
                ComputeType = computeType.Of(result),
                CpuIsa = cpuIsa.Of(result),
            };
            string path = ModelLocator.Locate(result.GetValue(model), null, AppContext.BaseDirectory);
            using WhisperModel loaded = WhisperModel.Load(path, settings.ToModelOptions());
            terminal.Write(Describe(path, loaded.Info, loaded.EstimateMemory()));
            return ExitCode.Ok;
        });
        return command;
    }

    internal static string Describe(string path, ModelInfo info, MemoryPlan plan)
    {
        StringBuilder text = new();
        Line("model", path);
        Line("device", info.Device);
        Line("compute type", info.ComputeType);
        Line("CPU instructions", info.CpuIsa);
        Line("threads", info.CpuThreads);
        Line("languages", info.LanguageCount);
        Line("mel bins", info.Mels);
        Line("audio context", info.AudioContext);
        Line("text context", info.TextContext);
        Line("width", info.Width);
        Line("heads", info.Heads);
        Line("layers", string.Create(CultureInfo.InvariantCulture, $"{info.EncoderLayers} encoder, {info.DecoderLayers} decoder"));
        Line("vocabulary", info.Vocabulary);
        Line("parameters", info.Parameters);
        Line("weights", Megabytes(info.WeightBytes));
        Line("loaded in", string.Create(CultureInfo.InvariantCulture, $"{info.LoadTime.TotalSeconds:0.000} s"));
        Line("engine", string.Create(CultureInfo.InvariantCulture, $"{Megabytes(plan.Total - plan.Weights)} beside the weights, at a batch of {plan.MaxBatch}"));
        return text.ToString();

        void Line(string name, object value) => text.Append(CultureInfo.InvariantCulture, $"{name + ":",-18}{value}\n");
    }

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB");
}

/// <summary><c>whispertrt doctor</c>: what was looked for on this machine, what was found and why not.</summary>
internal static class DoctorCommand
{
    internal static Command Create(Terminal terminal)
    {
        Option<bool> json = new("--json") { Description = "print the report as JSON" };
        Command command = new("doctor", "Say what was looked for on this machine, what was found, and why not.") { json };
        command.SetAction(result =>
        {
            string report = WhisperDoctor.Report();
            terminal.Write(result.GetValue(json) ? report.TrimEnd() + "\n" : Render(report));
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>A JSON document as indented lines.</summary>
    internal static string Render(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        StringBuilder text = new();
        Append(text, document.RootElement, 0);
        return text.ToString();
    }

    private static void Append(StringBuilder text, JsonElement element, int depth)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in element.EnumerateObject())
            {
                // Names of environment variables stay what they are.
                string name = property.Name.Any(char.IsLower) ? property.Name.Replace('_', ' ') : property.Name;
                Append(text, name + ":", property.Value, depth);
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray())
            {
                Append(text, "-", item, depth);
            }
        }
    }

    private static void Append(StringBuilder text, string head, JsonElement value, int depth)
    {
        text.Append(' ', depth * 2).Append(head);
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
        {
            text.Append('\n');
            Append(text, value, depth + 1);
        }
        else
        {
            text.Append(' ').Append(Word(value)).Append('\n');
        }
    }

    private static string Word(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.Null => "none",
        _ => value.ToString(),
    };
}

/// <summary><c>whispertrt quantize MODEL OUT</c>: writes a checkpoint with smaller weights.</summary>
internal static class QuantizeCommand
{
    internal static Command Create(Terminal terminal)
    {
        Argument<string> model = new("model") { Description = "name of a model, or the directory of a checkpoint" };
        Argument<string> output = new("out") { Description = "directory to make" };
        Setting<string?> weights = Options.Text("--weights", "int8", "weights to write; only int8 yet");
        Command command = new("quantize", "Write a checkpoint with quantized weights.") { model, output, weights.Option };
        command.SetAction(result =>
        {
            string? asked = weights.Of(result);
            if (asked != "int8")
            {
                throw new UsageException($"--weights {asked ?? "None"} is not honoured yet; use int8.");
            }

            string target = result.GetValue(output)!;
            WhisperQuantizer.Quantize(result.GetValue(model)!, target);
            terminal.WriteLine($"wrote {target}");
            return ExitCode.Ok;
        });
        return command;
    }
}
