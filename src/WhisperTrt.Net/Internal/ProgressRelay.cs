namespace WhisperTrt.Internal;

/// <summary>
/// Hands progress to a user's object on the thread pool, in order and never twice at once; what arrives while it is busy replaces what waits.
/// </summary>
internal sealed class ProgressRelay(IProgress<TranscribeProgress> target)
{
    private readonly Lock gate = new();
    private TranscribeProgress? waiting;
    private bool running;

    internal void Post(TranscribeProgress progress)
    {
        lock (gate)
        {
            waiting = progress;
            if (running)
            {
                return;
            }

            running = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static self => self.Deliver(), this, preferLocal: false);
    }

    private void Deliver()
    {
        while (true)
        {
            TranscribeProgress next;
            lock (gate)
            {
                if (waiting is not { } some)
                {
                    running = false;
                    return;
                }

                next = some;
                waiting = null;
            }

            try
            {
                target.Report(next);
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                // A progress display that fails must not end the process, nor the transcription.
                WhisperLog.Report(error, "A progress handler failed.");
            }
        }
    }
}
