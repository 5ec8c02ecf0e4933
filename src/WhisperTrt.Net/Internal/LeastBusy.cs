namespace WhisperTrt.Internal;

/// <summary>
/// Gives work to whichever of several engines has the least of it under way. One whose device failed gets no more while another one lives.
/// Thread-safe.
/// </summary>
internal sealed class LeastBusy(int count)
{
    private readonly Lock gate = new();
    private readonly int[] underWay = new int[count];
    private readonly bool[] isLost = new bool[count];

    /// <summary>Chooses an engine, the first of equals, and counts the work as its own until <see cref="Work.End"/>.</summary>
    internal Work Begin()
    {
        lock (gate)
        {
            bool anyLives = isLost.Contains(false);
            int chosen = Enumerable.Range(0, underWay.Length).Where(engine => !(anyLives && isLost[engine])).MinBy(engine => underWay[engine]);
            underWay[chosen]++;
            return new Work(this, chosen);
        }
    }

    private void End(int engine, Exception? error)
    {
        lock (gate)
        {
            underWay[engine]--;
            isLost[engine] |= error is DeviceException;
        }
    }

    /// <summary>Something under way.</summary>
    internal sealed class Work(LeastBusy owner, int engine)
    {
        private int hasEnded;

        /// <summary>Which engine has it, from 0.</summary>
        internal int Engine => engine;

        /// <summary>It is over. Idempotent.</summary>
        /// <param name="error">What it failed with.</param>
        internal void End(Exception? error)
        {
            if (Interlocked.Exchange(ref hasEnded, 1) == 0)
            {
                owner.End(engine, error);
            }
        }
    }
}
