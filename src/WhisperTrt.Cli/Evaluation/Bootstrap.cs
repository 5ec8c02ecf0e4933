namespace WhisperTrt.Cli;

/// <summary>How sure a word error rate is: clips are drawn again and again, with replacement, and the middle 95% of the rates kept.</summary>
internal static class Bootstrap
{
    internal const int Rounds = 2000;
    internal const int Seed = 1;

    /// <summary>Bounds in percent, the same for the same clips in the same order.</summary>
    internal static (double Low, double High) Interval(IReadOnlyList<WordErrors> clips)
    {
        if (clips.Count == 0)
        {
            return (0, 0);
        }

        // Random with a seed is the same generator in every version of .NET.
        Random source = new(Seed);
        var rates = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            WordErrors drawn = default;
            for (int i = 0; i < clips.Count; i++)
            {
                drawn += clips[source.Next(clips.Count)];
            }

            rates[round] = drawn.Rate;
        }

        Array.Sort(rates);
        return (rates[Rounds / 40], rates[Rounds - 1 - (Rounds / 40)]);
    }
}
