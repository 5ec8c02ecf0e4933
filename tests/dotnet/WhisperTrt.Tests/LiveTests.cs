using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

public sealed class LiveTests
{
    [SpeechFact]
    public async Task Stable_text_stays_and_is_the_transcript()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using LiveTranscription live = engine.OpenStream(new TranscribeOptions { WordTimestamps = true });
        Task push = PushSlowlyAsync(live);
        List<LiveText> texts = [];
        await foreach (LiveText said in live.ReadAsync())
        {
            texts.Add(said);
        }

        await push;
        using Transcript transcript = await live.ToEndAsync();
        LiveText[] stable = [.. texts.Where(said => said.IsStable)];
        Assert.True(stable.Length > 1, $"{stable.Length} stable texts");
        Assert.Contains(texts, said => !said.IsStable && said.Text.Length > 0);
        Assert.Equal(transcript.Text, string.Concat(stable.Select(said => said.Text)));
        Assert.Equal(stable.Select(said => said.Text), transcript.Segments.Select(segment => segment.Text));
        Assert.All(stable, said => Assert.Equal(said.Text, string.Concat(said.Segment.Words.Select(word => word.Text))));
        Assert.Equal(stable.OrderBy(said => said.Segment.Start), stable);
    }

    [SpeechFact]
    public async Task Who_reads_late_gets_no_tentative_text_that_was_replaced()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using LiveTranscription live = engine.OpenStream();
        await PushSlowlyAsync(live);
        bool wasTentative = false;
        await foreach (LiveText said in live.ReadAsync())
        {
            Assert.False(wasTentative && !said.IsStable);
            wasTentative = !said.IsStable;
            await Task.Delay(1);
        }
    }

    [SpeechFact]
    public async Task It_ends_as_a_transcription_does()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using (LiveTranscription left = engine.OpenStream())
        {
            left.Push(Speech.ClipSamples.Value);
            await foreach (LiveText _ in left.ReadAsync())
            {
                break;
            }

            await Assert.ThrowsAsync<OperationCanceledException>(() => left.ToEndAsync().WaitAsync(Speech.Patience));
        }

        using CancellationTokenSource source = new();
        await using LiveTranscription cancelled = engine.OpenStream(cancellationToken: source.Token);
        cancelled.Push(Speech.ClipSamples.Value);
        Task reading = Task.Run(async () =>
        {
            await foreach (LiveText _ in cancelled.ReadAsync())
            {
                await source.CancelAsync();
            }
        });
        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(Speech.Patience));
        Assert.Equal(source.Token, error.CancellationToken);

        await using LiveTranscription empty = engine.OpenStream();
        empty.Complete();
        using Transcript nothing = await empty.ToEndAsync().WaitAsync(Speech.Patience);
        Assert.Equal("", nothing.Text);
        Assert.Throws<InvalidOptionException>(() => empty.Push(new float[10]));
    }

    [SpeechFact]
    public async Task Whoever_listens_when_the_engine_is_disposed_is_told()
    {
        WhisperEngine engine = Speech.Model.CreateEngine();
        await using LiveTranscription live = engine.OpenStream();
        Task<Transcript> end = live.ToEndAsync();
        await engine.DisposeAsync();
        await Assert.ThrowsAsync<EngineClosedException>(() => end.WaitAsync(Speech.Patience));
        Assert.Throws<ObjectDisposedException>(() => engine.OpenStream());
    }

    [SpeechFact]
    public async Task What_cannot_be_live_is_refused()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        Assert.Throws<InvalidOptionException>(() => engine.OpenStream(audio: Speech.Clip));
        Assert.Throws<ArgumentException>(() => engine.OpenStream(audio: Audio.FromStream(new MemoryStream())));
        Assert.Throws<InvalidOptionException>(() => engine.OpenStream(new TranscribeOptions { LiveInterval = TimeSpan.Zero }));
        Assert.Throws<UnsupportedException>(() => engine.OpenStream(new TranscribeOptions { Vad = new VadOptions() }));
    }

    [Fact]
    public void Lines_end_with_sentences_and_pauses_and_nothing_tentative_reaches_a_pipe()
    {
        using StringWriter output = new();
        LiveLines lines = new(new Terminal(output, TextWriter.Null, false, false));
        lines.Show(Said(false, " And", 0, 1));
        lines.Show(Said(true, " And so", 0, 1));
        lines.Show(Said(false, " my", 1, 2));
        lines.Show(Said(true, " my fellow.", 1, 2));
        lines.Show(Said(true, " Ask", 3, 4));
        lines.Show(Said(true, " not", 7, 8));
        Assert.Equal("[00:00.000 --> 00:02.000]  And so my fellow.\n[00:03.000 --> 00:04.000]  Ask\n", output.ToString());
        lines.Finish();
        Assert.EndsWith("[00:07.000 --> 00:08.000]  not\n", output.ToString());
    }

    [Fact]
    public void A_terminal_shows_what_is_tentative_below_the_lines()
    {
        using StringWriter output = new();
        LiveLines lines = new(new Terminal(output, TextWriter.Null, true, false));
        lines.Show(Said(true, " And so", 0, 1));
        lines.Show(Said(false, " my", 1, 2));
        Assert.EndsWith("\r\u001b[KAnd so my", output.ToString());
        lines.Show(Said(true, " we.", 1, 2));
        Assert.EndsWith("\r\u001b[K[00:00.000 --> 00:02.000]  And so we.\n", output.ToString());
    }

    private static LiveText Said(bool stable, string text, double start, double end) => new(stable, new Segment
    {
        Id = 0,
        Seek = 0,
        Start = TimeSpan.FromSeconds(start),
        End = TimeSpan.FromSeconds(end),
        Text = text,
        Tokens = [],
        Words = [],
        Temperature = 0,
        AverageLogProbability = 0,
        CompressionRatio = 1,
        NoSpeechProbability = 0,
    });

    private static async Task PushSlowlyAsync(LiveTranscription live)
    {
        foreach (float[] piece in Speech.ClipSamples.Value.Chunk(16000))
        {
            live.Push(piece);
            await Task.Delay(200);
        }

        live.Complete();
    }
}
