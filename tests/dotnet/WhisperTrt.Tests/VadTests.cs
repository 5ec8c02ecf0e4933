using System.Text.Json;
using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary>Voice activity: spans alone, transcriptions of the speech only, and the verb.</summary>
public sealed class VadTests
{
    private const int Rate = 16_000;
    private const string Said = "the circumstances which led me to leave my native country";

    /// <summary>Ten seconds of silence before the clip and five after it.</summary>
    private static readonly Lazy<float[]> Padded = new(() => [.. new float[10 * Rate], .. Speech.ClipSamples.Value, .. new float[5 * Rate]]);

    [SpeechFact]
    public void Speech_is_found_between_silences_in_every_kind_of_audio()
    {
        DetectedSpeech speech = Vad.DetectSpeech(Audio.FromSamples(Padded.Value));
        SpeechSpan span = Assert.Single(speech.Spans);
        Assert.InRange(span.Start.TotalSeconds, 9.5, 11);
        Assert.InRange(span.End.TotalSeconds, speech.Duration.TotalSeconds - 7, speech.Duration.TotalSeconds - 4);
        Assert.Equal(Padded.Value.Length / (double)Rate, speech.Duration.TotalSeconds, 3);
        Assert.Equal((Padded.Value.Length + 511) / 512, speech.Probabilities.Count);

        DetectedSpeech expected = Vad.DetectSpeech(Speech.Clip);
        byte[] bytes = File.ReadAllBytes(Repository.Clips[0]);
        using MemoryStream stream = new(bytes);
        Assert.Equal(expected.Spans, Vad.DetectSpeech(Audio.FromBytes(bytes)).Spans);
        Assert.Equal(expected.Spans, Vad.DetectSpeech(Audio.FromStream(stream)).Spans);
        Assert.Empty(Vad.DetectSpeech(Audio.FromSamples(new float[3 * Rate])).Spans);
    }

    [SpeechFact]
    public void What_cannot_be_searched_is_refused()
    {
        Assert.Throws<AudioNotFoundException>(() => Vad.DetectSpeech(Audio.FromFile("/nothing/here.wav")));
        Assert.Throws<InvalidOptionException>(() => Vad.DetectSpeech(Audio.Pushed));
        InvalidOptionException error = Assert.Throws<InvalidOptionException>(() => Vad.DetectSpeech(Speech.Clip, new VadOptions { Threshold = 2 }));
        Assert.Contains("vad_threshold", error.Message, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Only_speech_is_transcribed_and_times_are_the_recordings()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript transcript = await engine.TranscribeToEndAsync(
            Audio.FromSamples(Padded.Value), new TranscribeOptions { Vad = new VadOptions() });
        Assert.Contains(Said, transcript.Text, StringComparison.Ordinal);
        SpeechSpan span = Vad.DetectSpeech(Audio.FromSamples(Padded.Value)).Spans[0];
        Assert.Equal((span.End - span.Start).TotalSeconds, transcript.SpeechDuration.TotalSeconds, 3);
        Assert.Equal(Padded.Value.Length / (double)Rate, transcript.Duration.TotalSeconds, 2);
        Assert.InRange(transcript.Segments[0].Start.TotalSeconds, 9.5, 11);
        using Transcript silent = await engine.TranscribeToEndAsync(
            Audio.FromSamples(new float[40 * Rate]), new TranscribeOptions { Vad = new VadOptions() });
        Assert.Equal(("", TimeSpan.Zero), (silent.Text, silent.SpeechDuration));
    }

    [SpeechFact]
    public async Task The_verb_prints_spans_as_lines_or_json()
    {
        string clip = Repository.Clips[0];
        DetectedSpeech speech = Vad.DetectSpeech(Speech.Clip);
        (int code, string lines, _) = await RunAsync("vad", clip);
        Assert.Equal(ExitCode.Ok, code);
        Assert.Equal(VadCommand.Text("", speech), lines);
        Assert.Equal(speech.Spans.Count, lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        (_, string json, _) = await RunAsync("vad", clip, "--json", "--vad_speech_pad_ms", "0");
        using JsonDocument document = JsonDocument.Parse(json);
        SpeechSpan bare = Vad.DetectSpeech(Speech.Clip, new VadOptions { SpeechPad = TimeSpan.Zero }).Spans[0];
        Assert.Equal(bare.StartSample, document.RootElement.GetProperty("spans")[0].GetProperty("start").GetInt64());
        (int failed, _, string error) = await RunAsync("vad", clip, "/nothing/here.wav");
        Assert.Equal(ExitCode.SomeFailed, failed);
        Assert.Contains("/nothing/here.wav", error, StringComparison.Ordinal);
        (int wrong, _, _) = await RunAsync("vad", clip, "--vad_threshold", "7");
        Assert.Equal(ExitCode.Usage, wrong);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new(), error = new();
        int code = await CommandLine.RunAsync(args, new Terminal(output, error, false, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
