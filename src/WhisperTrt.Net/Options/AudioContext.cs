using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>How many positions of the encoder, of 20 ms, a window gets.</summary>
public readonly record struct AudioContext
{
    private const int Most = 1500;

    // 0 is full length, so that the default value of this type is.
    private readonly int positions;

    private AudioContext(int positions) => this.positions = positions;

    /// <summary>All 1,500 positions of a window of 30 s.</summary>
    public static AudioContext Full => default;

    /// <summary>As many as the sound in the window takes, and <see cref="TranscribeOptions.AudioContextTail"/>.</summary>
    public static AudioContext Auto => new(NativeConstants.Auto);

    internal int Native => positions == 0 ? NativeConstants.None : positions;

    /// <summary>A number of positions, 1..1,500, by which windows are shorter too; it is rounded up to a multiple of 64.</summary>
    /// <param name="count">How many.</param>
    /// <exception cref="InvalidOptionException"><paramref name="count"/> is outside its range.</exception>
    public static AudioContext Positions(int count) => count is >= 1 and <= Most
        ? new AudioContext(count)
        : throw new InvalidOptionException($"{nameof(AudioContext)} is {count}; it must be from 1 to {Most}.");

    /// <summary>full, auto, or the number of positions.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => positions switch
    {
        0 => "full",
        NativeConstants.Auto => "auto",
        _ => positions.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };
}
