using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary>Counting wrong words, by cases worked out by hand.</summary>
public sealed class WordErrorsTests
{
    [Theory]
    [InlineData("", "", 0, 0, 0)]
    [InlineData("a b c", "a b c", 0, 0, 0)]
    [InlineData("a b c", "a x c", 1, 0, 0)]
    [InlineData("a b c", "a c", 0, 1, 0)]
    [InlineData("a c", "a b c", 0, 0, 1)]
    [InlineData("a b c", "", 0, 3, 0)]
    [InlineData("", "a b", 0, 0, 2)]
    [InlineData("a b c", "b c d", 0, 1, 1)] // shifted: two gaps are fewer errors than three substitutions
    [InlineData("a b", "b a", 2, 0, 0)] // as many errors as a deletion and an insertion, but no gaps
    [InlineData("the cat sat on the mat", "the cat sat mat now", 2, 1, 0)]
    [InlineData("a b c d e", "a x d e f", 1, 1, 1)]
    public void Errors_are_told_apart(string reference, string found, int substitutions, int deletions, int insertions)
    {
        string[] words = Split(reference);
        Assert.Equal(new WordErrors(words.Length, substitutions, deletions, insertions), WordErrors.Align(words, Split(found)));
    }

    [Fact]
    public void Random_lists_have_the_edit_distance_and_their_lengths_add_up()
    {
        Random source = new(7);
        for (int round = 0; round < 300; round++)
        {
            string[] reference = Draw(), found = Draw();
            WordErrors errors = WordErrors.Align(reference, found);
            Assert.Equal(Distance(reference, found), errors.Errors);
            Assert.Equal(found.Length - reference.Length, errors.Insertions - errors.Deletions);
            WordErrors back = WordErrors.Align(found, reference);
            Assert.Equal((errors.Substitutions, errors.Deletions, errors.Insertions), (back.Substitutions, back.Insertions, back.Deletions));
        }

        string[] Draw() => [.. Enumerable.Range(0, source.Next(12)).Select(_ => ((char)('a' + source.Next(4))).ToString())];
    }

    [Fact]
    public void Rates_are_of_the_references_words()
    {
        WordErrors sum = WordErrors.Sum([new(10, 1, 0, 0), new(30, 0, 2, 3)]);
        Assert.Equal(new WordErrors(40, 1, 2, 3), sum);
        Assert.Equal(6, sum.Errors);
        Assert.Equal(15.0, sum.Rate);
        Assert.Equal(200.0, new WordErrors(0, 0, 0, 2).Rate);
    }

    [Fact]
    public void The_interval_is_repeatable_and_as_wide_as_clips_differ()
    {
        WordErrors[] mixed = [.. Enumerable.Range(0, 40).Select(i => new WordErrors(10, i % 4, 0, 0))];
        (double low, double high) = Bootstrap.Interval(mixed);
        Assert.Equal((low, high), Bootstrap.Interval(mixed));
        double rate = WordErrors.Sum(mixed).Rate;

        // The mean of 40 draws of 0, 10, 20, 30 percent: standard error 11.18 / sqrt(40).
        Assert.InRange(low, rate - (2.6 * 1.768), rate - (1.4 * 1.768));
        Assert.InRange(high, rate + (1.4 * 1.768), rate + (2.6 * 1.768));
        Assert.Equal((20.0, 20.0), Bootstrap.Interval([new(10, 2, 0, 0), new(10, 0, 2, 0)]));
        Assert.Equal((0.0, 0.0), Bootstrap.Interval([]));
    }

    [NativeFact]
    public void Words_are_normalised_by_language_and_characters_counted_where_there_are_no_blanks()
    {
        Assert.Equal(["mister", "smith", "is", "color"], Scoring.Words("Mr. Smith's, uh, COLOUR", "en"));
        Assert.Equal(["grüße", "aus", "münchen"], Scoring.Words("Grüße aus – München!", "de"));
        Assert.Equal(["你", "好", "世", "界"], Scoring.Words("你好, 世界。", "zh"));
        Assert.Equal(new WordErrors(4, 1, 0, 0), Scoring.Score("你好世界", "你好 视界", "zh"));
    }

    private static string[] Split(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static int Distance(string[] a, string[] b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                cost[i, j] = i == 0 ? j : j == 0 ? i
                    : Math.Min(cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), 1 + Math.Min(cost[i - 1, j], cost[i, j - 1]));
            }
        }

        return cost[a.Length, b.Length];
    }
}
