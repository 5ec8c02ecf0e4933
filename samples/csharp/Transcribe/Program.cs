// Transcribes a file: Transcribe MODEL FILE. Prints each segment as soon as it is final.
using WhisperTrt;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: Transcribe MODEL FILE");
    return 2;
}

try
{
    using WhisperModel model = await WhisperModel.LoadAsync(args[0]);
    await using WhisperEngine engine = model.CreateEngine();
    await foreach (Segment segment in engine.TranscribeAsync(Audio.FromFile(args[1])))
    {
        Console.WriteLine($"[{segment.Start.TotalSeconds,6:F2} -> {segment.End.TotalSeconds,6:F2}] {segment.Text}");
    }

    return 0;
}
catch (WhisperException error)
{
    Console.Error.WriteLine($"Transcribe: {error.Message}");
    return 1;
}
