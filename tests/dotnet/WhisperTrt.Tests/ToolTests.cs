using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace WhisperTrt.Tests;

/// <summary>What stands beside the engine: tokenizer, normaliser, doctor, log, memory plan, and the acts of the device.</summary>
public sealed class ToolTests
{
    [SpeechFact]
    public void Text_becomes_tokens_and_text_again()
    {
        const string Text = " Grüße, wörld! 👋 (naïve)";
        int[] tokens = Speech.Model.Tokenize(Text);
        Assert.NotEmpty(tokens);
        Assert.Equal(Text, Speech.Model.Detokenize(tokens));
        Assert.Empty(Speech.Model.Tokenize(""));
        Assert.Equal("", Speech.Model.Detokenize([]));
        Assert.Equal("<|endoftext|>", Speech.Model.Detokenize([50256], withSpecial: true));
        Assert.Equal("", Speech.Model.Detokenize([50256]));
        Assert.ThrowsAny<WhisperException>(() => Speech.Model.Detokenize([1_000_000]));
    }

    [SpeechFact]
    public void A_model_says_what_it_is()
    {
        ModelInfo info = Speech.Model.Info;
        Assert.Equal(Device.Cpu, info.Device);
        Assert.False(info.IsMultilingual);
        Assert.Equal((80, 1500, 448, 384, 6, 4, 4, 51864), (info.Mels, info.AudioContext, info.TextContext, info.Width, info.Heads, info.EncoderLayers, info.DecoderLayers, info.Vocabulary));
        Assert.InRange(info.WeightBytes, 30_000_000, 60_000_000);
        Assert.Equal(new WhisperLanguage("en", "english"), Assert.Single(Speech.Model.Languages));
    }

    [SpeechFact]
    public async Task An_engine_takes_what_was_estimated_and_obeys_a_cap()
    {
        MemoryPlan estimate = Speech.Model.EstimateMemory();
        Assert.Equal(16, estimate.MaxBatch);
        Assert.Equal(estimate.Total, estimate.Weights + estimate.SelfKv + estimate.CrossKv + estimate.Workspace);
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        Assert.InRange(engine.Memory.Total, estimate.Total * 0.9, estimate.Total * 1.1);

        Recorder recorder = new();
        WhisperLog.SetLogger(recorder, LogLevel.Debug);
        long cap = (estimate.Total - estimate.Weights) / 3;
        await using WhisperEngine small = Speech.Model.CreateEngine(new EngineOptions { MemoryLimit = cap });
        WhisperLog.SetLogger(null);
        Assert.InRange(small.Memory.MaxBatch, 1, 15);
        Assert.InRange(small.Memory.Total - small.Memory.Weights, 1, cap);
        Assert.Contains(recorder.Lines, line => line.Contains("max_batch", StringComparison.Ordinal));
        int heard = recorder.Lines.Count;
        await using WhisperEngine silent = Speech.Model.CreateEngine(new EngineOptions { MemoryLimit = cap });
        Assert.Equal(heard, recorder.Lines.Count);
    }

    [SpeechFact]
    public async Task A_logger_that_throws_harms_nobody()
    {
        WhisperLog.SetLogger(new Recorder { Throws = true }, LogLevel.Debug);
        MemoryPlan estimate = Speech.Model.EstimateMemory();
        await using WhisperEngine engine = Speech.Model.CreateEngine(new EngineOptions { MemoryLimit = (estimate.Total - estimate.Weights) / 3 });
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip);
        WhisperLog.SetLogger(null);
        Assert.NotEmpty(transcript.Text);
    }

    [NativeFact]
    public void The_doctor_and_the_build_speak_JSON()
    {
        using JsonDocument report = JsonDocument.Parse(WhisperDoctor.Report());
        Assert.True(report.RootElement.TryGetProperty("cpu", out _));
        using JsonDocument build = JsonDocument.Parse(WhisperDoctor.BuildInfo());
        Assert.True(build.RootElement.TryGetProperty("version", out _));
    }

    [NativeFact]
    public void Texts_are_normalised()
    {
        Assert.Equal("he is 42", TextNormalizer.Normalize("He's, um, forty-two!").Trim());
        Assert.Equal("straße 1", TextNormalizer.Normalize("Straße (laut) 1!", TextNormalization.Basic).Trim());
        Assert.ThrowsAny<WhisperException>(() => TextNormalizer.Normalize("x", (TextNormalization)5));
    }

    [NativeFact]
    public void Quantizing_says_what_is_wrong()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Assert.Throws<ModelNotFoundException>(() => WhisperQuantizer.Quantize("/no/such/model", folder));
        Assert.False(Directory.Exists(folder));
    }

    [SpeechFact]
    public void The_acts_of_the_device_can_be_called_one_by_one()
    {
        WhisperModel model = Speech.Model;
        float[] mel = model.ComputeLogMel(Speech.ClipSamples.Value);
        using WhisperSession session = model.CreateSession();
        int vocabulary = model.Info.Vocabulary;
        float[] encoded = new float[model.Info.AudioContext * model.Info.Width];
        session.Encode(mel, encoded);
        Assert.All(encoded, value => Assert.True(float.IsFinite(value)));
        session.ProjectCrossKv();

        // Start of transcript, no timestamps: then greedily.
        int[] prompt = [50257, 50362];
        float[] logits = new float[prompt.Length * vocabulary];
        session.Prefill(prompt, logits);
        List<int> tokens = [];
        float[] next = logits[vocabulary..];
        for (int i = 0; i < 12; i++)
        {
            tokens.Add(Array.IndexOf(next, next.Max()));
            session.Step(tokens[^1], next);
        }

        Assert.Contains("If the reader will excuse me", model.Detokenize(tokens.ToArray()), StringComparison.Ordinal);

        // What was said, aligned: a probability for each token of it.
        int[] said = [.. prompt, .. tokens, 50256];
        float[] scores = new float[model.Info.AlignmentHeads * said.Length * model.Info.AudioContext];
        float[] probabilities = new float[said.Length];
        session.Align(said, scores, probabilities);
        Assert.All(scores, value => Assert.True(float.IsFinite(value)));
        Assert.All(probabilities[prompt.Length..^1], value => Assert.InRange(value, 0.05f, 1));
        Assert.Equal(0, probabilities[^1]);
    }

    [SpeechFact]
    public void The_acts_of_the_device_check_what_they_are_given()
    {
        using WhisperSession session = Speech.Model.CreateSession();
        Assert.ThrowsAny<WhisperException>(session.ProjectCrossKv);
        Assert.ThrowsAny<WhisperException>(() => session.Prefill([50257]));
        Assert.ThrowsAny<WhisperException>(() => session.Step(1));
        Assert.Throws<ArgumentException>(() => session.Encode(new float[10]));
        Assert.Throws<ArgumentException>(() => session.Encode(new float[80 * 3000], new float[10]));
        session.Encode(new float[80 * 3000]);
        session.ProjectCrossKv();
        Assert.Throws<ArgumentException>(() => session.Prefill([1, 2], new float[51864]));
        Assert.ThrowsAny<WhisperException>(() => session.Prefill([]));
        Assert.ThrowsAny<WhisperException>(() => session.Prefill([-1]));
        Assert.ThrowsAny<WhisperException>(() => session.Prefill(new int[449]));
        Assert.Throws<ArgumentException>(() => session.Align([1, 2], new float[3]));
        Assert.Throws<ArgumentException>(() => session.Align([1, 2], default, new float[3]));
        Assert.ThrowsAny<WhisperException>(() => session.Align([]));
        session.Prefill([50257]);
        Assert.Throws<ArgumentException>(() => session.Step(1, new float[3]));
        Assert.ThrowsAny<WhisperException>(() => session.Step(60_000));
    }

    private sealed class Recorder : ILogger
    {
        private readonly Lock gate = new();

        internal List<string> Lines { get; } = [];

        internal bool Throws { get; init; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (Throws)
            {
                throw new InvalidOperationException("a logger of no use");
            }

            lock (gate)
            {
                Lines.Add(formatter(state, exception));
            }
        }
    }
}
