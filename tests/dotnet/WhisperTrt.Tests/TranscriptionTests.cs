using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace WhisperTrt.Tests;

/// <summary>What comes out: the same text through every way in.</summary>
public sealed class TranscriptionTests
{
    private const string Said = "the circumstances which led me to leave my native country";

    [SpeechFact]
    public async Task Segments_come_as_a_stream_and_the_transcript_has_them_all()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using Transcription transcription = await engine.StartAsync(Speech.Clip);
        List<Segment> segments = [];
        await foreach (Segment segment in transcription.ReadSegmentsAsync())
        {
            segments.Add(segment);
        }

        using Transcript transcript = await transcription.ToEndAsync();
        Assert.Contains(Said, transcript.Text, StringComparison.Ordinal);
        Assert.Equal("en", transcript.Language);
        Assert.Null(transcript.DetectedLanguage);
        Assert.Null(transcription.DetectedLanguageProbability);
        Assert.Equal(transcript.Segments.Select(Comparable), segments.Select(Comparable));
        Assert.Equal(transcript.Text, string.Concat(segments.Select(segment => segment.Text)));
        Assert.Equal(Enumerable.Range(0, segments.Count), segments.Select(segment => segment.Id));
        Assert.Equal(Speech.ClipSamples.Value.Length / 16_000.0, transcript.Duration.TotalSeconds, 2);
        Assert.All(segments, segment =>
        {
            Assert.True(segment.Start < segment.End);
            Assert.NotEmpty(segment.Tokens);
            Assert.Empty(segment.Words);
            Assert.InRange(segment.AverageLogProbability, -1, 0);
            Assert.InRange(segment.NoSpeechProbability, 0, 1);
            Assert.Equal(0, segment.Temperature);
        });
    }

    [SpeechFact]
    public async Task The_language_that_was_detected_says_how_likely_it_is()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        Transcription transcription = new(engine, null, Speech.Clip, null, null);
        transcription.OnLanguage("cy", 0.75);
        Assert.Equal(("cy", 0.75), (transcription.DetectedLanguage, transcription.DetectedLanguageProbability));
    }

    [SpeechFact]
    public async Task Words_have_times_when_they_are_asked_for()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip, new TranscribeOptions { WordTimestamps = true });
        List<Word> words = [.. transcript.Segments.SelectMany(segment => segment.Words)];
        Assert.Equal(transcript.Text, string.Concat(words.Select(word => word.Text)));
        Assert.All(words, word => Assert.True(word.Start <= word.End && word.Probability is > 0 and <= 1));
        Assert.Equal(words.OrderBy(word => word.Start).Select(word => word.Text), words.Select(word => word.Text));
    }

    [SpeechFact]
    public async Task Clips_chunks_and_channels_reach_the_library_and_come_back()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript clip = await engine.TranscribeToEndAsync(Speech.Clip, new TranscribeOptions { ClipTimestamps = [1, 4] });
        Assert.NotEmpty(clip.Segments);
        Assert.All(clip.Segments, segment => Assert.InRange(segment.Seek, 100, 399));
        Assert.All(clip.Segments, segment => Assert.Null(segment.Channel));
        Assert.All(clip.Segments, segment => Assert.Equal("en", segment.Language));
        Assert.Empty(clip.LanguageProbabilities);

        using Transcript chunks = await engine.TranscribeToEndAsync(Speech.Long(4), new TranscribeOptions { Vad = new VadOptions(), Batched = true });
        Assert.Equal(Enumerable.Range(0, chunks.Segments.Count), chunks.Segments.Select(segment => segment.Id));
        Assert.Equal(chunks.Segments.Select(segment => segment.Start).Order(), chunks.Segments.Select(segment => segment.Start));
        Assert.True(chunks.Segments[^1].End > TimeSpan.FromSeconds(30));

        using Transcript channel = await engine.TranscribeToEndAsync(Speech.Clip, new TranscribeOptions { Channels = ChannelMode.Split });
        Assert.Contains(Said, channel.Text, StringComparison.Ordinal);
        Assert.All(channel.Segments, segment => Assert.Equal(0, segment.Channel));
        Assert.All(channel.Attempts, attempt => Assert.Equal(0, attempt.Channel));
    }

    [SpeechFact]
    public async Task Every_kind_of_audio_gives_the_same_text()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript expected = await engine.TranscribeToEndAsync(Speech.Clip);
        byte[] file = File.ReadAllBytes(Repository.Clips[0]);
        using MemoryStream stream = new(file);
        using FileStream descriptor = File.OpenRead(Repository.Clips[0]);
        string pcm = WritePcm();
        using FileStream raw = File.OpenRead(pcm);
        foreach (Audio audio in (Audio[])
            [
                Audio.FromBytes(file), Audio.FromStream(stream), Audio.FromSamples(Speech.ClipSamples.Value),
                Audio.FromDescriptor(descriptor.SafeFileHandle), Audio.FromDescriptor(raw.SafeFileHandle, raw: true),
            ])
        {
            using Transcript transcript = await engine.TranscribeToEndAsync(audio);
            Assert.Equal(expected.Text, transcript.Text);
        }

        Assert.False(descriptor.SafeFileHandle.IsClosed);
        File.Delete(pcm);
    }

    [SpeechFact]
    public async Task A_pipe_is_read_while_it_is_written()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using System.IO.Pipes.AnonymousPipeServerStream writer = new(System.IO.Pipes.PipeDirection.Out);
        using SafeFileHandle reader = new(writer.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        Task<Transcript> transcript = engine.TranscribeToEndAsync(Audio.FromDescriptor(reader));
        byte[] file = File.ReadAllBytes(Repository.Clips[0]);
        await writer.WriteAsync(file.AsMemory(0, file.Length / 2));
        await Task.Delay(50);
        await writer.WriteAsync(file.AsMemory(file.Length / 2));
        writer.Dispose();
        Assert.Contains(Said, (await transcript.WaitAsync(Speech.Patience)).Text, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Audio_can_be_pushed_as_it_comes()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using Transcription live = await engine.StartAsync(Audio.Pushed);
        foreach (float[] chunk in Speech.ClipSamples.Value.Chunk(4_000))
        {
            live.Push(chunk);
        }

        live.End();
        live.End();
        Assert.Throws<InvalidOptionException>(() => live.Push(new float[10]));
        using Transcript transcript = await live.ToEndAsync();
        Assert.Contains(Said, transcript.Text, StringComparison.Ordinal);
        await using Transcription other = await engine.StartAsync(Speech.Clip);
        Assert.Throws<InvalidOptionException>(() => other.Push(new float[10]));
    }

    [SpeechFact]
    public async Task A_transcript_is_written_in_every_format()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip);
        Assert.Equal(string.Concat(transcript.Segments.Select(segment => segment.Text.Trim() + "\n")), transcript.Write(OutputFormat.Txt));
        Assert.StartsWith("1\n00:00:00,000 --> ", transcript.Write(OutputFormat.Srt), StringComparison.Ordinal);
        Assert.StartsWith("WEBVTT\n\n", transcript.Write(OutputFormat.Vtt), StringComparison.Ordinal);
        Assert.StartsWith("start\tend\ttext\n0\t", transcript.Write(OutputFormat.Tsv), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(transcript.Write(OutputFormat.Json));
        Assert.Equal(transcript.Text, json.RootElement.GetProperty("text").GetString());
        foreach (OutputFormat format in Enum.GetValues<OutputFormat>())
        {
            using MemoryStream stream = new();
            transcript.Write(format, stream);
            Assert.Equal(transcript.Write(format), Encoding.UTF8.GetString(stream.ToArray()));
        }

        Assert.StartsWith("[by:whispertrt]\n[00:00.00]If the reader", transcript.Write(OutputFormat.Lrc), StringComparison.Ordinal);
        Assert.Throws<InvalidOptionException>(() => transcript.Write((OutputFormat)9));
        using JsonDocument traced = JsonDocument.Parse(transcript.Write(OutputFormat.Json, new WriteOptions { Trace = true }));
        Assert.Equal(JsonValueKind.Array, traced.RootElement.GetProperty("trace").ValueKind);
        Exception refused = Assert.Throws<InvalidOptionException>(() => transcript.Write(OutputFormat.Srt, new WriteOptions { MaxLineCount = 0 }));
        Assert.Contains("max_line_count", refused.Message, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task Progress_ends_at_the_end()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        Recorder progress = new();
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Long(6), progress: progress);
        for (int i = 0; i < 100 && (progress.Last is not { } last || last.Done < last.Total); i++)
        {
            await Task.Delay(20);
        }

        Assert.Equal(transcript.Duration, progress.Last!.Value.Total);
        Assert.Equal(transcript.Duration, progress.Last!.Value.Done);
        Assert.Equal(progress.Seen.Order(), progress.Seen);
    }

    [SpeechFact]
    public async Task Silence_and_nothing_are_empty_transcripts()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript nothing = await engine.TranscribeToEndAsync(Audio.FromSamples(default));
        Assert.Equal("", nothing.Text);
        Assert.Empty(nothing.Segments);
        Assert.Equal(TimeSpan.Zero, nothing.Duration);
    }

    [SpeechFact]
    public async Task Options_reach_the_engine()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript plain = await engine.TranscribeToEndAsync(Speech.Clip);
        using Transcript noTimes = await engine.TranscribeToEndAsync(Speech.Clip, new TranscribeOptions { WithoutTimestamps = true });
        Assert.Single(noTimes.Segments);
        Assert.True(plain.Segments.Count > 1);
        using Transcript few = await engine.TranscribeToEndAsync(Speech.Clip, new TranscribeOptions { MaxNewTokens = 5, WithoutTimestamps = true });
        Assert.InRange(few.Segments.Sum(segment => segment.Tokens.Count), 1, 5);

        // A word that is suppressed is not said.
        int narrative = Speech.Model.Tokenize(" narrative").Single();
        using Transcript without = await engine.TranscribeToEndAsync(Speech.Clip, new TranscribeOptions { SuppressTokens = $"-1,{narrative}" });
        Assert.Contains("narrative", plain.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("narrative", without.Text, StringComparison.Ordinal);
    }

    private static object Comparable(Segment segment) =>
        (segment.Id, segment.Seek, segment.Start, segment.End, segment.Text, string.Join(' ', segment.Tokens), segment.AverageLogProbability);

    private static string WritePcm()
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, Wave.Encode(Speech.ClipSamples.Value)[44..]);
        return path;
    }

    private sealed class Recorder : IProgress<TranscribeProgress>
    {
        internal List<TimeSpan> Seen { get; } = [];

        internal TranscribeProgress? Last { get; private set; }

        public void Report(TranscribeProgress value)
        {
            Seen.Add(value.Done);
            Last = value;
        }
    }

    [SpeechFact]
    public async Task Every_attempt_at_a_window_is_in_the_transcript()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        TranscribeOptions options = new() { BeamSize = 3, BestOf = 2, Temperatures = [0, 0.4], LogProbThreshold = -0.01, Seed = 5 };
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip, options);
        IReadOnlyList<Attempt> attempts = transcript.Attempts;
        Assert.Equal(2, attempts.Count);
        Assert.Equal([0, 0.4], attempts.Select(attempt => attempt.Temperature));
        Assert.Equal([(3, 1), (1, 2)], attempts.Select(attempt => (attempt.BeamSize, attempt.Candidates)));
        Assert.All(attempts, attempt => Assert.Equal(AttemptVerdict.TooUnlikely, attempt.Verdict));
        Assert.Equal(transcript.Segments.SelectMany(segment => segment.Tokens), attempts[1].Tokens);
        Assert.Equal(transcript.Segments[0].AverageLogProbability, attempts[1].AverageLogProbability);
        Assert.Equal(transcript.Segments[0].Seek, attempts[1].Seek);
    }

    [SpeechFact]
    public async Task A_short_window_that_is_doubted_is_decoded_anew_at_full_length()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        TranscribeOptions options = new() { Temperatures = [0], AudioContext = AudioContext.Auto, AudioContextTail = 128 };
        using Transcript good = await engine.TranscribeToEndAsync(Speech.Clip, options);
        Attempt attempt = Assert.Single(good.Attempts);
        Assert.Equal(AttemptVerdict.Accepted, attempt.Verdict);
        Assert.InRange(attempt.AudioContext, 64, 1499);

        using Transcript redone = await engine.TranscribeToEndAsync(Speech.Clip, options with { LogProbThreshold = -0.01 });
        Assert.Equal([AttemptVerdict.TooUnlikely | AttemptVerdict.TooShort, AttemptVerdict.TooUnlikely], redone.Attempts.Select(one => one.Verdict));
        Assert.Equal(1500, redone.Attempts[1].AudioContext);
    }
}
