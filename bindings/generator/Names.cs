namespace WhisperTrt.Generator;

/// <summary>How C names become names of the generated languages.</summary>
internal static class Names
{
    private static readonly HashSet<string> CSharpKeywords = ["event", "params", "in", "out", "ref", "object", "string", "lock", "base", "default", "operator", "checked", "fixed"];

    /// <summary>wtrt_model_load → ModelLoad, INVALID_ARGUMENT → InvalidArgument.</summary>
    internal static string Pascal(string name)
    {
        IEnumerable<string> words = WithoutPrefix(name).Split('_', StringSplitOptions.RemoveEmptyEntries);
        return string.Concat(words.Select(word => char.ToUpperInvariant(word[0]) + word[1..].ToLowerInvariant()));
    }

    /// <summary>struct_size → structSize, event → @event.</summary>
    internal static string Camel(string name)
    {
        string pascal = Pascal(name);
        string camel = char.ToLowerInvariant(pascal[0]) + pascal[1..];
        return CSharpKeywords.Contains(camel) ? "@" + camel : camel;
    }

    internal static string WithoutPrefix(string name) =>
        name.StartsWith("wtrt_", StringComparison.OrdinalIgnoreCase) ? name["wtrt_".Length..] : name;
}

/// <summary>Constants that belong together: WTRT_DEVICE_CPU and WTRT_DEVICE_CUDA are the group DEVICE.</summary>
internal sealed record ConstantGroup(string Name, IReadOnlyList<(string Name, Constant Constant)> Members)
{
    /// <summary>The groups of the ABI, and the constants that stand alone.</summary>
    internal static (List<ConstantGroup> Groups, List<Constant> Single) Split(Abi abi)
    {
        var groups = new List<ConstantGroup>();
        var single = new List<Constant>();
        foreach (IGrouping<string, Constant> group in abi.Constants.GroupBy(constant => Names.WithoutPrefix(constant.Name).Split('_')[0]))
        {
            // The two version numbers share a prefix, yet neither is a choice among alternatives.
            if (group.Count() < 2 || group.Key == "ABI")
            {
                single.AddRange(group);
                continue;
            }

            groups.Add(new ConstantGroup(group.Key, [.. group.Select(constant => (Names.WithoutPrefix(constant.Name)[(group.Key.Length + 1)..], constant))]));
        }

        return (groups, single);
    }
}
