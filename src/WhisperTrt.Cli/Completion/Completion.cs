using System.CommandLine;

namespace WhisperTrt.Cli;

/// <summary>What may come next on the command line. The scripts of <see cref="CompletionScripts"/> ask here, so that they never lag behind.</summary>
internal static class Completion
{
    /// <summary>Completions of the last of <paramref name="words"/>; none means a file name.</summary>
    /// <param name="root">The whole command line.</param>
    /// <param name="words">What was typed after the program's name; the last may be empty.</param>
    internal static IEnumerable<string> Suggest(Command root, IReadOnlyList<string> words)
    {
        string typed = words.Count == 0 ? "" : words[^1];
        return Candidates(root, words, typed).Where(candidate => candidate.StartsWith(typed, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Candidates(Command root, IReadOnlyList<string> words, string typed)
    {
        if (words.Count <= 1)
        {
            return [.. root.Subcommands.Where(command => !command.Hidden).Select(command => command.Name), "--help", "--version"];
        }

        if (root.Subcommands.FirstOrDefault(command => command.Name == words[0]) is not { } verb || words.Contains("--"))
        {
            return [];
        }

        if (verb.Options.FirstOrDefault(option => option.Name == words[^2] || option.Aliases.Contains(words[^2])) is { } before && TakesValue(before))
        {
            return Values(before.HelpName);
        }

        return typed.StartsWith('-') ? [.. verb.Options.Select(option => option.Name), "--help"] : Values(verb.Arguments.FirstOrDefault()?.HelpName);
    }

    private static bool TakesValue(Option option) => option.Arity.MinimumNumberOfValues > 0;

    /// <summary>Help shows choices as one|another; anything else stands for what no list can hold.</summary>
    private static IEnumerable<string> Values(string? helpName) =>
        helpName is null ? [] : helpName.Split('|').Where(word => helpName.Contains('|', StringComparison.Ordinal) && word is not ("N" or "X"));
}
