using System.Security;
using System.Text;
using System.Text.RegularExpressions;

namespace WhisperTrt.Generator;

/// <summary>The text of doc comments, and its forms in the generated languages.</summary>
internal static partial class DocComment
{
    /// <summary>The comment's words as one paragraph, without its marks; null if there are none.</summary>
    internal static string? Clean(string? comment)
    {
        if (comment is null || !comment.StartsWith("/**", StringComparison.Ordinal))
        {
            return null;
        }

        IEnumerable<string> lines = comment[3..^2].Split('\n').Select(line => line.Trim().TrimStart('*').Trim());
        string text = string.Join(' ', lines.Where(line => line.Length > 0));
        return text.Length == 0 ? null : text;
    }

    /// <summary>A field's words: its comment, or what its name says by the header's conventions.</summary>
    internal static string Of(Struct type, Field field) => field.Doc ?? ByConvention(type, field) ?? "";

    /// <summary>A function's words: its comment, or what the header's opening says of every retain and release.</summary>
    internal static string Of(Function function) => function.Doc
        ?? (function.IsRetain ? "Adds a reference; NULL is allowed." : "Drops a reference and never blocks; NULL is allowed.");

    /// <summary>What needs no comment: the struct's size, reserved fields, and the size or count of another field.</summary>
    internal static string? ByConvention(Struct type, Field field)
    {
        string? Counted(string suffix) => field.Name.EndsWith(suffix, StringComparison.Ordinal)
            ? type.Fields.FirstOrDefault(other => other.Name == field.Name[..^suffix.Length] || other.Name == field.Name[..^suffix.Length] + "s")?.Name
            : null;

        return field.Name switch
        {
            "struct_size" => "Size of this struct in bytes, as its filler knows it.",
            "reserved" => "Zero.",
            _ when Counted("_size") is string text => $"Bytes of `{text}`.",
            _ when Counted("_count") is string array => $"Elements of `{array}`.",
            _ => null,
        };
    }

    /// <summary>Content of an XML element: escaped, `code` as &lt;c&gt;.</summary>
    internal static string Xml(string text) => Code().Replace(SecurityElement.Escape(text), "<c>$1</c>").Replace("&apos;", "'").Replace("&quot;", "\"");

    /// <summary>An XML doc element, wrapped, each line with its indent and slashes.</summary>
    internal static string XmlElement(string indent, string text)
    {
        string xml = Xml(text);
        string one = $"{indent}/// <summary>{xml}</summary>";
        if (one.Length <= 140)
        {
            return one + "\n";
        }

        var lines = new StringBuilder();
        lines.Append(indent).Append("/// <summary>\n");
        foreach (string line in Wrap(xml, 136 - indent.Length))
        {
            lines.Append(indent).Append("/// ").Append(line).Append('\n');
        }

        return lines.Append(indent).Append("/// </summary>\n").ToString();
    }

    /// <summary>Breaks a paragraph at blanks into lines of at most <paramref name="width"/> characters where words allow.</summary>
    internal static IEnumerable<string> Wrap(string text, int width)
    {
        var line = new StringBuilder();
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : "").Append(word);
        }

        yield return line.ToString();
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();
}
