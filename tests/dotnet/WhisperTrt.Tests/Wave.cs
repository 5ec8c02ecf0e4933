using System.Diagnostics;
using System.Runtime.InteropServices;

namespace WhisperTrt.Tests;

/// <summary>Samples for tests that hand in PCM.</summary>
internal static class Wave
{
    /// <summary>A clip as 16 kHz mono samples, decoded by the ffmpeg program.</summary>
    internal static float[] ReadSamples(string clip)
    {
        ProcessStartInfo start = new("ffmpeg", ["-v", "error", "-i", clip, "-f", "s16le", "-ac", "1", "-ar", "16000", "-"])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        using MemoryStream bytes = new();
        process.StandardOutput.BaseStream.CopyTo(bytes);
        process.WaitForExit();
        return ToFloat(bytes.ToArray());
    }

    internal static float[] ToFloat(byte[] pcm)
    {
        ReadOnlySpan<short> values = MemoryMarshal.Cast<byte, short>(pcm);
        var samples = new float[values.Length];
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = values[i] / 32768f;
        }

        return samples;
    }

    /// <summary>A WAV file in memory.</summary>
    internal static byte[] Encode(ReadOnlySpan<float> samples)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write("RIFF"u8);
        writer.Write(36 + (samples.Length * 2));
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(16_000);
        writer.Write(32_000);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(samples.Length * 2);
        foreach (float sample in samples)
        {
            writer.Write((short)Math.Clamp(MathF.Round(sample * 32768f), -32768, 32767));
        }

        writer.Flush();
        return stream.ToArray();
    }
}
