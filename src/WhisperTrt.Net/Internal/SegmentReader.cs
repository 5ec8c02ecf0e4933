using System.Runtime.InteropServices;
using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>Copies native segments into records.</summary>
internal static unsafe class SegmentReader
{
    internal static Segment Read(NativeSegment* native) => new()
    {
        Id = native->Id,
        Seek = native->Seek,
        Start = TimeSpan.FromSeconds(native->Start),
        End = TimeSpan.FromSeconds(native->End),
        Text = Utf8.Read(native->Text, native->TextSize),
        Tokens = new ReadOnlySpan<int>(native->Tokens, checked((int)native->TokenCount)).ToArray(),
        Words = ReadWords(native->Words, native->WordCount),
        Temperature = native->Temperature,
        AverageLogProbability = native->AvgLogprob,
        CompressionRatio = native->CompressionRatio,
        NoSpeechProbability = native->NoSpeechProb,
        Channel = native->Channel < 0 ? null : native->Channel,
        Language = Utf8.Read(native->Language, native->LanguageSize),
    };

    /// <summary>An array steps by its elements' own size, which a newer library may have grown.</summary>
    internal static Segment[] ReadAll(NativeSegment* first, long count)
    {
        var segments = new Segment[count];
        byte* at = (byte*)first;
        for (long i = 0; i < count; i++)
        {
            var native = (NativeSegment*)at;
            segments[i] = Read(native);
            at += native->StructSize;
        }

        return segments;
    }

    internal static Attempt[] ReadAll(NativeAttempt* first, long count)
    {
        var attempts = new Attempt[count];
        byte* at = (byte*)first;
        for (long i = 0; i < count; i++)
        {
            var native = (NativeAttempt*)at;
            attempts[i] = new Attempt
            {
                Seek = native->Seek,
                Temperature = native->Temperature,
                BeamSize = native->BeamSize,
                Candidates = native->Candidates,
                AverageLogProbability = native->AvgLogprob,
                CompressionRatio = native->CompressionRatio,
                NoSpeechProbability = native->NoSpeechProb,
                Verdict = (AttemptVerdict)native->Verdict,
                AudioContext = native->AudioContext,
                Tokens = new ReadOnlySpan<int>(native->Tokens, checked((int)native->TokenCount)).ToArray(),
                Channel = native->Channel < 0 ? null : native->Channel,
            };
            at += native->StructSize;
        }

        return attempts;
    }

    private static Word[] ReadWords(NativeWord* first, long count)
    {
        if (count == 0)
        {
            return [];
        }

        var words = new Word[count];
        byte* at = (byte*)first;
        for (long i = 0; i < count; i++)
        {
            var native = (NativeWord*)at;
            words[i] = new Word(
                Utf8.Read(native->Text, native->TextSize), TimeSpan.FromSeconds(native->Start), TimeSpan.FromSeconds(native->End), native->Probability);
            at += native->StructSize;
        }

        return words;
    }
}

/// <summary>
/// An event that holds a segment nobody has read yet, or tentative text. While it is open, a segment counts against its job's credit.
/// </summary>
internal sealed unsafe class SegmentEvent : SafeHandle
{
    internal SegmentEvent(nint nativeEvent)
        : base(0, ownsHandle: true) => SetHandle(nativeEvent);

    public override bool IsInvalid => handle == 0;

    internal bool IsStable => (NativeEventKind)((NativeEvent*)handle)->Kind == NativeEventKind.Segment;

    /// <summary>Copies the segment.</summary>
    internal LiveText Read() => new(IsStable, SegmentReader.Read(((NativeEvent*)handle)->Segment));

    protected override bool ReleaseHandle()
    {
        NativeMethods.EventRelease(handle);
        return true;
    }
}
