using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace WhisperTrt.Tests;

/// <summary>What a consumer may do: hand in a stream that fails, stop half way, forget, and come again a thousand times.</summary>
public sealed class ConsumerTests
{
    [SpeechFact]
    public async Task What_a_stream_throws_reaches_its_consumer_as_it_is()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        byte[] file = await File.ReadAllBytesAsync(Repository.Clips[0]);
        FormatException fault = new("the stream's own fault");
        Assert.Same(fault, await Assert.ThrowsAsync<FormatException>(() => engine.TranscribeToEndAsync(Audio.FromStream(new FaultyStream(file, fault)))));
        Assert.Same(fault, await Assert.ThrowsAsync<FormatException>(async () =>
        {
            await foreach (Segment _ in engine.TranscribeAsync(Audio.FromStream(new FaultyStream(file, fault))))
            {
            }
        }));
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip);
        Assert.NotEmpty(transcript.Text);
    }

    [SpeechFact]
    public async Task Cancelling_between_two_segments_awaits_the_end_of_the_work()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using CancellationTokenSource source = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (Segment _ in engine.TranscribeAsync(Speech.Long(30)).WithCancellation(source.Token))
            {
                await source.CancelAsync();
            }
        });
        EngineStatistics then = engine.GetStatistics();
        await Task.Delay(200);
        Assert.Equal(then, engine.GetStatistics());
        Assert.True(then.Windows < 11, $"{then.Windows} windows were encoded for one segment");
    }

    [SpeechFact]
    public async Task A_token_that_lives_on_keeps_no_transcription()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using CancellationTokenSource application = new();
        WeakReference transcription = await EndAndForgetAsync(engine, application.Token);
        for (int i = 0; i < 100 && transcription.IsAlive; i++)
        {
            await Task.Delay(20);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(transcription.IsAlive);
    }

    [SpeechFact]
    public async Task A_thousand_jobs_leave_memory_as_it_was()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine(new EngineOptions { MaxBatch = 4 });
        await RunManyAsync(engine, 100);
        (long native, long managed) = await MeasureAsync(engine);
        await RunManyAsync(engine, 1000);
        (long nativeAfter, long managedAfter) = await MeasureAsync(engine);

        // A log-mel of half a second alone is more than this over a thousand.
        Assert.True(nativeAfter - native < 2 << 20, $"the native heap grew by {(nativeAfter - native) >> 10} KiB");
        Assert.True(managedAfter - managed < 1 << 20, $"the managed heap grew by {(managedAfter - managed) >> 10} KiB");
    }

    /// <summary>Jobs that come to their end, that are left at their first segment, that nobody looks at, that fail, and (most) that are cancelled.</summary>
    private static async Task RunManyAsync(WhisperEngine engine, int count)
    {
        Audio half = Audio.FromSamples(Speech.ClipSamples.Value.AsMemory(16_000, 8_000));
        TranscribeOptions brief = new() { MaxNewTokens = 4 };
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, token) =>
        {
            switch (i % 100)
            {
                case 0:
                    await engine.TranscribeToEndAsync(half, brief, cancellationToken: token);
                    break;
                case 1:
                    await foreach (Segment _ in engine.TranscribeAsync(half, brief, cancellationToken: token))
                    {
                        break;
                    }

                    break;
                case 2:
                    await engine.StartAsync(half, brief, cancellationToken: token);
                    break;
                case < 20:
                    await Assert.ThrowsAsync<InvalidAudioException>(
                        () => engine.TranscribeToEndAsync(Audio.FromBytes(new byte[100]), brief, cancellationToken: token));
                    break;
                default:
                    await (await engine.StartAsync(half, brief, cancellationToken: token)).DisposeAsync();
                    break;
            }
        });
    }

    /// <summary>Bytes in use once all jobs have ended, those that nobody awaits too.</summary>
    private static async Task<(long Native, long Managed)> MeasureAsync(WhisperEngine engine)
    {
        for (long steps = -1; steps != engine.GetStatistics().Steps; await Task.Delay(300))
        {
            steps = engine.GetStatistics().Steps;
        }

        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        MallocInfo info = MallInfo2();
        return ((long)(info.InUse + info.Mapped), GC.GetTotalMemory(forceFullCollection: true));
    }

    [DllImport("libc", EntryPoint = "mallinfo2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern MallocInfo MallInfo2();

    /// <summary>glibc's account of its heap: what it has been asked for, not what it keeps of the system's memory.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MallocInfo
    {
        internal nuint Arena, FreeChunks, FastChunks, Maps, Mapped, Unused, FastBytes, InUse, FreeBytes, Releasable;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> EndAndForgetAsync(WhisperEngine engine, CancellationToken token)
    {
        Transcription transcription = await engine.StartAsync(Speech.Clip, cancellationToken: token);
        await transcription.ToEndAsync(token);
        return new WeakReference(transcription);
    }

    /// <summary>Half of a file, and then a fault.</summary>
    private sealed class FaultyStream(byte[] file, Exception fault) : MemoryStream(file, 0, file.Length / 2)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = await base.ReadAsync(buffer, cancellationToken);
            return count > 0 ? count : throw fault;
        }

        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            var buffer = new byte[bufferSize];
            while (true)
            {
                await destination.WriteAsync(buffer.AsMemory(0, await ReadAsync(buffer, cancellationToken)), cancellationToken);
            }
        }
    }
}
