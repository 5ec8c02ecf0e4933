namespace WhisperTrt.Cli;

/// <summary>Errors of a transcript against its reference.</summary>
/// <param name="Words">Words of the reference.</param>
/// <param name="Substitutions">Words that became others.</param>
/// <param name="Deletions">Words of the reference that are missing.</param>
/// <param name="Insertions">Words that the reference has not.</param>
internal readonly record struct WordErrors(int Words, int Substitutions, int Deletions, int Insertions)
{
    internal int Errors => Substitutions + Deletions + Insertions;

    /// <summary>In percent of the reference's words; of one word where there are none.</summary>
    internal double Rate => 100.0 * Errors / Math.Max(1, Words);

    public static WordErrors operator +(WordErrors a, WordErrors b) =>
        new(a.Words + b.Words, a.Substitutions + b.Substitutions, a.Deletions + b.Deletions, a.Insertions + b.Insertions);

    internal static WordErrors Sum(IEnumerable<WordErrors> errors) => errors.Aggregate(default(WordErrors), static (a, b) => a + b);

    /// <summary>
    /// Aligns two lists of words with the fewest errors, and among those with the fewest gaps: a substitution rather than a deletion and an
    /// insertion. That makes the three counts unique, whichever of the best alignments is found.
    /// </summary>
    internal static WordErrors Align(IReadOnlyList<string> reference, IReadOnlyList<string> found)
    {
        // row[j]: the best way from reference[..i] to found[..j]. Carrying the counts along spares the matrix to trace it back through.
        var row = new WordErrors[found.Count + 1];
        for (int j = 1; j <= found.Count; j++)
        {
            row[j] = row[j - 1] with { Insertions = j };
        }

        for (int i = 1; i <= reference.Count; i++)
        {
            WordErrors diagonal = row[0];
            row[0] = diagonal with { Deletions = i };
            for (int j = 1; j <= found.Count; j++)
            {
                WordErrors above = row[j];
                WordErrors paired = reference[i - 1] == found[j - 1] ? diagonal : diagonal with { Substitutions = diagonal.Substitutions + 1 };
                WordErrors deleted = above with { Deletions = above.Deletions + 1 };
                WordErrors inserted = row[j - 1] with { Insertions = row[j - 1].Insertions + 1 };
                row[j] = Better(paired, Better(deleted, inserted));
                diagonal = above;
            }
        }

        return row[^1] with { Words = reference.Count };
    }

    private static WordErrors Better(WordErrors a, WordErrors b) =>
        a.Errors < b.Errors || (a.Errors == b.Errors && a.Substitutions >= b.Substitutions) ? a : b;
}
