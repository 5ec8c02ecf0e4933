using System.Collections.Concurrent;
using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>
/// Takes an engine's events on a thread of its own and hands each to the transcription it belongs to. It waits for no reader, so that nobody's
/// slowness holds up another, and runs no code of users but listeners of metrics and traces.
/// </summary>
internal sealed unsafe class EventPump
{
    private readonly ConcurrentDictionary<ulong, Transcription> running = new();
    private readonly Thread thread;
    private ulong lastTag;

    internal EventPump()
    {
        NativeError.ThrowIfFailed(NativeMethods.QueueCreate(out QueueHandle queue));
        Queue = queue;
        thread = new Thread(Run) { IsBackground = true, Name = "WhisperTrt events" };
        thread.UnsafeStart();
    }

    internal QueueHandle Queue { get; }

    /// <summary>Makes events with the tag returned arrive at <paramref name="transcription"/>, until its last one.</summary>
    internal ulong Register(Transcription transcription)
    {
        ulong tag = Interlocked.Increment(ref lastTag);
        running[tag] = transcription;
        return tag;
    }

    internal void Unregister(ulong tag) => running.TryRemove(tag, out _);

    /// <summary>Delivers what is in the queue, ends what still waits, and ends the thread. The engine is closed already.</summary>
    internal void Close()
    {
        NativeMethods.QueueClose(Queue);
        thread.Join();
        Queue.Dispose();
    }

    private void Run()
    {
        try
        {
            while (Next(out nint nativeEvent))
            {
                if (!Dispatch(nativeEvent))
                {
                    break;
                }
            }
        }
        finally
        {
            EndAll();
        }
    }

    private bool Next(out nint nativeEvent)
    {
        nint error = NativeMethods.QueueNext(Queue, NativeConstants.None, out nativeEvent);
        if (error == 0)
        {
            return true;
        }

        // CLOSED is how it ends; anything else would be a defect, and whoever waits must not wait for ever.
        NativeMethods.ErrorRelease(error);
        return false;
    }

    /// <summary>False after the engine's last event.</summary>
    private bool Dispatch(nint address)
    {
        if (address == 0)
        {
            return true;
        }

        var nativeEvent = (NativeEvent*)address;
        var kind = (NativeEventKind)nativeEvent->Kind;
        if ((kind is NativeEventKind.Segment or NativeEventKind.Tentative) && running.TryGetValue(nativeEvent->Tag, out Transcription? reader))
        {
            reader.OnSegment(new SegmentEvent(address));
            return true;
        }

        try
        {
            return DispatchOther(kind, nativeEvent);
        }
        finally
        {
            NativeMethods.EventRelease(address);
        }
    }

    private bool DispatchOther(NativeEventKind kind, NativeEvent* nativeEvent)
    {
        Transcription? owner;
        switch (kind)
        {
            case NativeEventKind.Closed:
                return false;
            case NativeEventKind.Language when running.TryGetValue(nativeEvent->Tag, out owner):
                owner.OnLanguage(Utf8.Read(nativeEvent->Text, nativeEvent->TextSize), nativeEvent->LanguageProbability);
                break;
            case NativeEventKind.Progress when running.TryGetValue(nativeEvent->Tag, out owner):
                owner.OnProgress(nativeEvent->DoneSeconds, nativeEvent->TotalSeconds);
                break;
            case NativeEventKind.Finished when running.TryRemove(nativeEvent->Tag, out owner):
                owner.OnFinished(nativeEvent->Cancelled != 0);
                break;
            case NativeEventKind.Failed when running.TryRemove(nativeEvent->Tag, out owner):
                owner.OnFailed((WhisperErrorCode)nativeEvent->ErrorCode, Utf8.Read(nativeEvent->Text, nativeEvent->TextSize));
                break;
        }

        return true;
    }

    private void EndAll()
    {
        foreach (ulong tag in running.Keys)
        {
            if (running.TryRemove(tag, out Transcription? transcription))
            {
                transcription.OnFailed(WhisperErrorCode.Closed, "The engine was closed while the transcription ran.");
            }
        }
    }
}
