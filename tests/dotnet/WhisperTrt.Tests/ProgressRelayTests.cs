using WhisperTrt.Internal;

namespace WhisperTrt.Tests;

public sealed class ProgressRelayTests
{
    [Fact]
    public async Task A_slow_handler_is_called_in_order_never_twice_at_once_and_gets_the_last_word()
    {
        SlowHandler handler = new();
        ProgressRelay relay = new(handler);
        for (int i = 0; i <= 200; i++)
        {
            relay.Post(new TranscribeProgress(TimeSpan.FromSeconds(i), null));
        }

        await handler.Last.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.False(handler.Overlapped);
        Assert.Equal(handler.Seen.Order(), handler.Seen);
        Assert.True(handler.Seen.Count < 201, "what piles up behind a slow handler is dropped");
    }

    private sealed class SlowHandler : IProgress<TranscribeProgress>
    {
        private int inside;

        internal List<TimeSpan> Seen { get; } = [];

        internal bool Overlapped { get; private set; }

        internal TaskCompletionSource Last { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Report(TranscribeProgress value)
        {
            Overlapped |= Interlocked.Exchange(ref inside, 1) != 0;
            Thread.Sleep(5);
            Seen.Add(value.Done);
            Interlocked.Exchange(ref inside, 0);
            if (value.Done == TimeSpan.FromSeconds(200))
            {
                Last.SetResult();
            }
        }
    }
}
