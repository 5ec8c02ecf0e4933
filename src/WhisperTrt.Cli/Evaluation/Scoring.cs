using System.Text;

namespace WhisperTrt.Cli;

/// <summary>What counts as a word, as the papers count them.</summary>
internal static class Scoring
{
    /// <summary>Languages written without blanks between words: every character counts as a word.</summary>
    private static readonly string[] Unspaced = ["zh", "ja", "th", "lo", "my", "km"];

    internal static bool CountsCharacters(string language) => Unspaced.Contains(language);

    internal static TextNormalization NormalizerOf(string language) =>
        language == "en" ? TextNormalization.English : TextNormalization.Basic;

    /// <summary>The normalised words of a text.</summary>
    internal static IReadOnlyList<string> Words(string text, string language)
    {
        string normal = TextNormalizer.Normalize(text, NormalizerOf(language));
        return CountsCharacters(language)
            ? [.. normal.EnumerateRunes().Where(static rune => !Rune.IsWhiteSpace(rune)).Select(static rune => rune.ToString())]
            : normal.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    internal static WordErrors Score(string reference, string found, string language) =>
        WordErrors.Align(Words(reference, language), Words(found, language));
}
