using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace WhisperTrt.Tests;

/// <summary>Engines, transcriptions and readers end well, whatever order and moment they end in.</summary>
public sealed class LifecycleTests
{
    [SpeechFact]
    public async Task Things_can_be_disposed_in_any_order_while_work_runs()
    {
        foreach (int[] order in (int[][])[[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
        {
            WhisperModel model = WhisperModel.Load(Repository.Model);
            WhisperEngine engine = model.CreateEngine();
            Transcription transcription = await engine.StartAsync(Speech.Long(6));
            Func<ValueTask>[] ends =
            [
                () =>
                {
                    model.Dispose();
                    return ValueTask.CompletedTask;
                },
                engine.DisposeAsync,
                transcription.DisposeAsync,
            ];
            foreach (int which in order)
            {
                await ends[which]().AsTask().WaitAsync(Speech.Patience);
            }

            foreach (Func<ValueTask> again in ends)
            {
                await again();
            }

            engine.Dispose();
        }
    }

    [SpeechFact]
    public async Task What_is_disposed_says_so()
    {
        WhisperModel model = WhisperModel.Load(Repository.Model);
        WhisperEngine engine = model.CreateEngine();
        WhisperSession session = model.CreateSession();
        Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip);
        transcript.Dispose();
        session.Dispose();
        model.Dispose();
        Assert.NotEmpty(transcript.Text);
        Assert.Throws<ObjectDisposedException>(() => transcript.Write(OutputFormat.Txt));
        Assert.Throws<ObjectDisposedException>(() => transcript.Segments);
        Assert.Throws<ObjectDisposedException>(() => session.Step(1));
        Assert.Throws<ObjectDisposedException>(() => model.CreateEngine());
        Assert.Throws<ObjectDisposedException>(() => model.EstimateMemory());
        Assert.Throws<ObjectDisposedException>(() => model.Tokenize("a"));
        Assert.Throws<ObjectDisposedException>(() => model.Detokenize([1]));
        Assert.Throws<ObjectDisposedException>(() => model.CreateSession());
        Assert.Throws<ObjectDisposedException>(() => model.Languages);

        // The engine keeps the weights it needs.
        using Transcript second = await engine.TranscribeToEndAsync(Speech.Clip);
        Assert.Equal(transcript.Text, second.Text);
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = engine.TranscribeAsync(Speech.Clip); });
        Assert.Throws<ObjectDisposedException>(() => engine.Memory);
        Assert.Throws<ObjectDisposedException>(() => engine.GetStatistics());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => engine.TranscribeToEndAsync(Speech.Clip));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await engine.StartAsync(Speech.Clip));
    }

    [SpeechFact]
    public async Task Whoever_waits_when_the_engine_is_disposed_is_told()
    {
        WhisperEngine engine = Speech.Model.CreateEngine();
        Transcription read = await engine.StartAsync(Speech.Long(12));
        Transcription live = await engine.StartAsync(Audio.Pushed);
        Task reader = Task.Run(async () =>
        {
            await foreach (Segment _ in read.ReadSegmentsAsync())
            {
            }
        });
        Task<Transcript> end = live.ToEndAsync();
        await Task.Delay(100);
        await engine.DisposeAsync().AsTask().WaitAsync(Speech.Patience);
        await Assert.ThrowsAsync<EngineClosedException>(() => reader.WaitAsync(Speech.Patience));
        await Assert.ThrowsAsync<EngineClosedException>(() => end.WaitAsync(Speech.Patience));
        Assert.ThrowsAny<Exception>(() => live.Push(new float[10]));
        await read.DisposeAsync();
        await live.DisposeAsync();
    }

    [SpeechFact]
    public async Task An_engine_can_be_disposed_by_many_at_once_while_many_hand_in()
    {
        for (int round = 0; round < 5; round++)
        {
            WhisperEngine engine = Speech.Model.CreateEngine();
            Task[] submitters = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => SubmitUntilDisposed(engine)))];
            await Task.Delay(30 * round);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(engine.Dispose))).WaitAsync(Speech.Patience);
            await Task.WhenAll(submitters).WaitAsync(Speech.Patience);
        }

        static async Task SubmitUntilDisposed(WhisperEngine engine)
        {
            List<Task> ends = [];
            try
            {
                while (true)
                {
                    Transcription transcription = await engine.StartAsync(Audio.FromSamples(new float[1600]));
                    ends.Add(Swallow(transcription.ToEndAsync()));
                    await Task.Yield();
                }
            }
            catch (Exception error) when (error is ObjectDisposedException or EngineBusyException)
            {
            }

            await Task.WhenAll(ends).WaitAsync(Speech.Patience);
        }

        static async Task Swallow(Task task)
        {
            try
            {
                await task;
            }
            catch (EngineClosedException)
            {
            }
        }
    }

    [SpeechFact]
    public async Task Cancelling_at_any_moment_ends_it_and_harms_nobody()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        Task<Transcript> companion = engine.TranscribeToEndAsync(Speech.Long(4));
        Random random = new(1);
        int cancelled = 0;
        for (int i = 0; i < 30; i++)
        {
            using CancellationTokenSource source = new();
            source.CancelAfter(TimeSpan.FromMilliseconds(random.Next(300)));
            try
            {
                if (i % 2 == 0)
                {
                    await engine.TranscribeToEndAsync(Speech.Long(3), cancellationToken: source.Token).WaitAsync(Speech.Patience);
                }
                else
                {
                    await foreach (Segment _ in engine.TranscribeAsync(Speech.Long(3)).WithCancellation(source.Token))
                    {
                    }
                }
            }
            catch (OperationCanceledException error)
            {
                cancelled++;
                Assert.Equal(source.Token, error.CancellationToken);
            }
        }

        Assert.True(cancelled > 0, "no transcription was slow enough to be cancelled");
        using Transcript alone = await engine.TranscribeToEndAsync(Speech.Long(4));
        Assert.Equal(alone.Text, (await companion).Text);
    }

    [SpeechFact]
    public async Task A_token_that_is_cancelled_before_starts_nothing()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.TranscribeToEndAsync(Speech.Clip, cancellationToken: new CancellationToken(true)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => WhisperModel.LoadAsync(Repository.Model, cancellationToken: new CancellationToken(true)));
        Assert.Equal(0, engine.GetStatistics().Windows);
    }

    [SpeechFact]
    public async Task Cancelling_a_live_transcription_ends_it()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using Transcription live = await engine.StartAsync(Audio.Pushed);
        Task<Transcript> end = live.ToEndAsync();
        live.Push(new float[16_000]);
        live.Cancel();
        live.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => end.WaitAsync(Speech.Patience));
    }

    [SpeechFact]
    public async Task Leaving_the_loop_ends_the_work_before_the_loop_is_left()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await foreach (Segment segment in engine.TranscribeAsync(Speech.Long(30)))
        {
            Assert.NotEmpty(segment.Text);
            break;
        }

        EngineStatistics then = engine.GetStatistics();
        await Task.Delay(300);
        Assert.Equal(then.Windows, engine.GetStatistics().Windows);
        Assert.Equal(then.Steps, engine.GetStatistics().Steps);
        Assert.True(then.Windows < 11, $"{then.Windows} windows were encoded for one segment");
    }

    [SpeechFact]
    public async Task A_reader_who_stops_reading_pauses_his_transcription_alone()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using Transcription unread = await engine.StartAsync(Speech.Long(16), new TranscribeOptions { MaxPendingSegments = 2 });
        using Transcript other = await engine.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        Assert.NotEmpty(other.Text);

        // It stands still until somebody reads; seven windows it would be otherwise.
        long before = await SettleAsync(engine);
        Assert.True(before < 4, $"{before} windows were encoded though nobody reads");
        List<Segment> segments = [];
        await foreach (Segment segment in unread.ReadSegmentsAsync())
        {
            segments.Add(segment);
        }

        using Transcript whole = await unread.ToEndAsync();
        Assert.Equal(whole.Segments.Count, segments.Count);
        Assert.True(engine.GetStatistics().Windows > before);
    }

    [SpeechFact]
    public async Task A_slow_reader_gets_everything_and_slows_nobody()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        Task<List<string>> slow = ReadSlowly(engine.TranscribeAsync(Speech.Long(8), new TranscribeOptions { MaxPendingSegments = 1 }));
        for (int i = 0; i < 3; i++)
        {
            using Transcript fast = await engine.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        }

        List<string> texts = await slow.WaitAsync(Speech.Patience);
        using Transcript whole = await engine.TranscribeToEndAsync(Speech.Long(8));
        Assert.Equal(whole.Segments.Select(segment => segment.Text), texts);

        static async Task<List<string>> ReadSlowly(IAsyncEnumerable<Segment> segments)
        {
            List<string> texts = [];
            await foreach (Segment segment in segments)
            {
                texts.Add(segment.Text);
                await Task.Delay(60);
            }

            return texts;
        }
    }

    [SpeechFact]
    public async Task Two_engines_share_a_model()
    {
        await using WhisperEngine first = Speech.Model.CreateEngine();
        await using WhisperEngine second = Speech.Model.CreateEngine(new EngineOptions { MaxBatch = 1 });
        Transcript[] transcripts = await Task.WhenAll(
            first.TranscribeToEndAsync(Speech.Long(4)), second.TranscribeToEndAsync(Speech.Long(4)),
            first.TranscribeToEndAsync(Speech.Long(4)), second.TranscribeToEndAsync(Speech.Long(4))).WaitAsync(Speech.Patience);
        Assert.All(transcripts, transcript => Assert.Equal(transcripts[0].Text, transcript.Text));
    }

    [SpeechFact]
    public async Task A_hundred_at_once_are_each_as_if_alone()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        float[][] clips = [.. Enumerable.Range(0, 5).Select(i => Speech.ClipSamples.Value[(i * 24_000)..((i * 24_000) + 64_000)])];
        string[] alone = new string[clips.Length];
        for (int i = 0; i < clips.Length; i++)
        {
            using Transcript transcript = await engine.TranscribeToEndAsync(Audio.FromSamples(clips[i]));
            alone[i] = transcript.Text;
        }

        Assert.Equal(alone.Length, alone.Distinct().Count());
        Transcript[] together = await Task.WhenAll(
            Enumerable.Range(0, 100).Select(i => engine.TranscribeToEndAsync(Audio.FromSamples(clips[i % clips.Length])))).WaitAsync(Speech.Patience);
        for (int i = 0; i < together.Length; i++)
        {
            Assert.Equal(alone[i % alone.Length], together[i].Text);
        }

        Assert.True(engine.GetStatistics().MeanBatch > 2, $"mean batch {engine.GetStatistics().MeanBatch}");
    }

    [SpeechFact]
    public async Task A_full_queue_refuses()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine(new EngineOptions { MaxQueuedJobs = 1 });
        await using Transcription live = await engine.StartAsync(Audio.Pushed);
        await Assert.ThrowsAsync<EngineBusyException>(() => engine.TranscribeToEndAsync(Speech.Clip));
        await live.DisposeAsync();
        using Transcript next = await engine.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        Assert.NotEmpty(next.Text);
    }

    [SpeechFact]
    public async Task Segments_are_enumerated_once()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await using Transcription transcription = await engine.StartAsync(Speech.Clip);
        await foreach (Segment _ in transcription.ReadSegmentsAsync())
        {
            await Assert.ThrowsAsync<InvalidOperationException>(async () =>
            {
                await foreach (Segment __ in transcription.ReadSegmentsAsync())
                {
                }
            });
        }

        await transcription.ToEndAsync();
        await transcription.ToEndAsync();
    }

    [SpeechFact]
    public async Task What_is_forgotten_is_collected()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        List<WeakReference> forgotten = await StartAndForgetAsync(engine);
        for (Stopwatch watch = Stopwatch.StartNew(); watch.Elapsed < Speech.Patience && forgotten.Exists(reference => reference.IsAlive);)
        {
            await Task.Delay(50);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.All(forgotten, reference => Assert.False(reference.IsAlive));
        using Transcript next = await engine.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        Assert.NotEmpty(next.Text);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<List<WeakReference>> StartAndForgetAsync(WhisperEngine engine)
    {
        List<WeakReference> forgotten = [];
        for (int i = 0; i < 5; i++)
        {
            forgotten.Add(new WeakReference(await engine.StartAsync(Speech.Clip)));
        }

        return forgotten;
    }

    /// <summary>Waits until no more windows are encoded, and says how many were.</summary>
    private static async Task<long> SettleAsync(WhisperEngine engine)
    {
        long windows = -1;
        for (int still = 0; still < 15; still++)
        {
            long now = engine.GetStatistics().Windows;
            if (now != windows)
            {
                still = 0;
                windows = now;
            }

            await Task.Delay(100);
        }

        return windows;
    }
}
