using WhisperTrt.Internal;

namespace WhisperTrt.Tests;

/// <summary>Several engines as one: who gets the work, what a lost device does, and how it all ends.</summary>
public sealed class EngineGroupTests
{
    private static readonly DeviceException Lost = new("the GPU fell off");

    [Fact]
    public void Work_goes_to_whoever_has_the_least_of_it()
    {
        LeastBusy engines = new(3);
        LeastBusy.Work[] work = [.. Enumerable.Range(0, 7).Select(_ => engines.Begin())];
        Assert.Equal([0, 1, 2, 0, 1, 2, 0], work.Select(one => one.Engine));
        work[1].End(null);
        work[1].End(null);
        work[4].End(new InvalidAudioException("no audio"));
        Assert.Equal([1, 1, 1, 2], Enumerable.Range(0, 4).Select(_ => engines.Begin().Engine));
    }

    [Fact]
    public void A_lost_device_gets_no_more_work_while_another_one_lives()
    {
        LeastBusy engines = new(2);
        LeastBusy.Work first = engines.Begin(), second = engines.Begin();
        first.End(Lost);
        Assert.Equal([1, 1, 1], Enumerable.Range(0, 3).Select(_ => engines.Begin().Engine));
        second.End(Lost);
        Assert.Equal(0, engines.Begin().Engine);
    }

    [Fact]
    public void Counts_hold_whoever_comes_at_once()
    {
        LeastBusy engines = new(4);
        Parallel.For(0, 1000, _ => engines.Begin().End(null));
        LeastBusy.Work[] work = [.. Enumerable.Range(0, 8).AsParallel().Select(_ => engines.Begin())];
        Assert.All(work.GroupBy(one => one.Engine), of => Assert.Equal(2, of.Count()));
    }

    [Fact]
    public void A_group_has_an_engine() => Assert.Throws<ArgumentException>(() => new WhisperEngineGroup([]));

    [SpeechFact]
    public async Task Recordings_are_shared_out_and_transcribed_as_by_one_engine()
    {
        await using WhisperEngineGroup group = Pair();
        Transcription[] waiting = [await group.StartAsync(Audio.Pushed), await group.StartAsync(Audio.Pushed)];
        await waiting[0].DisposeAsync();

        // The first has nothing under way now, the second one: its turn comes after.
        using Transcript first = await group.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        (long clip, long none) = Windows(group);
        Assert.True(clip > 0 && none == 0, $"{clip} and {none} windows");
        await using Transcription another = await group.StartAsync(Audio.Pushed);
        List<string> texts = [];
        await foreach (Segment segment in group.TranscribeAsync(Speech.Clip))
        {
            texts.Add(segment.Text);
        }

        Assert.Equal((2 * clip, 0), Windows(group));
        await using Transcription third = await group.StartAsync(Audio.Pushed);
        using Transcript second = await group.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        Assert.Equal((2 * clip, clip), Windows(group));
        Assert.Equal(first.Text, string.Concat(texts));
        Assert.Equal(first.Text, second.Text);
        await waiting[1].DisposeAsync();
    }

    [SpeechFact]
    public async Task What_cannot_be_started_is_not_under_way()
    {
        await using WhisperEngineGroup group = Pair();
        TranscribeOptions wrong = new() { MaxNewTokens = 0 };
        await Assert.ThrowsAsync<InvalidOptionException>(async () => await group.StartAsync(Speech.Clip, wrong));
        Assert.Throws<InvalidOptionException>(() => group.OpenStream(wrong));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await group.StartAsync(null!));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await group.StartAsync(Speech.Clip, cancellationToken: new CancellationToken(true)));
        using Transcript transcript = await group.TranscribeToEndAsync(Speech.Clip).WaitAsync(Speech.Patience);
        Assert.Equal(0, Windows(group).Second);
    }

    [SpeechFact]
    public async Task A_lost_device_fails_what_it_had_and_nothing_else()
    {
        await using WhisperEngineGroup group = Pair();
        await using Transcription had = await group.StartAsync(Audio.Pushed);
        await using Transcription other = await group.StartAsync(Audio.Pushed);
        await using LiveTranscription live = group.OpenStream();

        // As the engine's events would report it.
        had.OnFailed(WhisperErrorCode.Device, Lost.Message);
        DeviceException error = await Assert.ThrowsAsync<DeviceException>(() => had.ToEndAsync());
        Assert.Equal(Lost.Message, error.Message);
        Transcript[] further = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => group.TranscribeToEndAsync(Speech.Clip))).WaitAsync(Speech.Patience);
        Assert.Equal(0, Windows(group).First);
        other.End();
        using Transcript nothing = await other.ToEndAsync().WaitAsync(Speech.Patience);
        Assert.Empty(nothing.Text);
        Array.ForEach(further, transcript => transcript.Dispose());
    }

    [SpeechFact]
    public async Task Disposing_ends_every_engine_and_tells_who_waits()
    {
        WhisperEngineGroup group = Pair();
        Task<Transcript>[] waiting = [(await group.StartAsync(Audio.Pushed)).ToEndAsync(), (await group.StartAsync(Audio.Pushed)).ToEndAsync()];
        await group.DisposeAsync().AsTask().WaitAsync(Speech.Patience);
        await group.DisposeAsync();
        foreach (Task<Transcript> end in waiting)
        {
            await Assert.ThrowsAsync<EngineClosedException>(() => end.WaitAsync(Speech.Patience));
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await group.StartAsync(Speech.Clip));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => group.TranscribeToEndAsync(Speech.Clip));
        Assert.Throws<ObjectDisposedException>(() => { _ = group.TranscribeAsync(Speech.Clip); });
        Assert.Throws<ObjectDisposedException>(() => group.OpenStream());
        Assert.All(group.Engines, engine => Assert.Throws<ObjectDisposedException>(() => engine.Memory));
    }

    private static WhisperEngineGroup Pair() => new([Speech.Model.CreateEngine(), Speech.Model.CreateEngine()]);

    private static (long First, long Second) Windows(WhisperEngineGroup group) =>
        (group.Engines[0].GetStatistics().Windows, group.Engines[1].GetStatistics().Windows);
}
