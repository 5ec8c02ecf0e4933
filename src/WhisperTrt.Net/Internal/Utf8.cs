using System.Runtime.InteropServices;
using System.Text;
using WhisperTrt.Interop;

namespace WhisperTrt.Internal;

/// <summary>Texts on their way through the boundary.</summary>
internal static unsafe class Utf8
{
    internal static string Read(byte* text, long size) =>
        text is null || size == 0 ? "" : Encoding.UTF8.GetString(text, checked((int)size));

    internal static string ReadTerminated(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    /// <summary>Reads a text that the library made, and frees it.</summary>
    internal static string Take(TextHandle text)
    {
        using (text)
        {
            return Read(NativeMethods.TextData(text), NativeMethods.TextSize(text));
        }
    }
}

/// <summary>UTF-8 copies of texts, and copies of lists, for the length of one call.</summary>
internal sealed unsafe class Utf8Arena : IDisposable
{
    private readonly List<nint> blocks = [];

    /// <summary>A copy of <paramref name="text"/>; no text is no pointer, while an empty text is one.</summary>
    internal byte* Add(string? text, out long size)
    {
        size = 0;
        if (text is null)
        {
            return null;
        }

        int count = Encoding.UTF8.GetByteCount(text);
        byte* block = (byte*)NativeMemory.Alloc((nuint)count + 1);
        blocks.Add((nint)block);
        Encoding.UTF8.GetBytes(text, new Span<byte>(block, count));
        block[count] = 0;
        size = count;
        return block;
    }

    internal double* Add(IReadOnlyList<double> values)
    {
        double* block = (double*)NativeMemory.Alloc((nuint)values.Count + 1, sizeof(double));
        blocks.Add((nint)block);
        for (int i = 0; i < values.Count; i++)
        {
            block[i] = values[i];
        }

        return block;
    }

    public void Dispose()
    {
        foreach (nint block in blocks)
        {
            NativeMemory.Free((void*)block);
        }

        blocks.Clear();
    }
}
