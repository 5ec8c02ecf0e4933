using System.Text.Json;

namespace WhisperTrt.Cli;

/// <summary>A recording and what is said in it.</summary>
/// <param name="File">As the manifest names it.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Transcript">What is said; empty: nobody wrote it down.</param>
/// <param name="Language">Code without a region ("en"), or an English name; empty: not known.</param>
internal sealed record Clip(string File, string Path, string Transcript, string Language);

/// <summary>A list of recordings and their transcripts: tab-separated with a head line, or JSON lines.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format">What it was read as.</param>
/// <param name="Clips">Its lines.</param>
internal sealed record Manifest(string Path, string Format, IReadOnlyList<Clip> Clips)
{
    private const string Tsv = "tab-separated";
    private const string JsonLines = "JSON lines";

    private static readonly string[] Columns = ["file", "transcript", "language"];

    /// <summary>Names of manifests in a folder.</summary>
    internal static readonly string[] Names = ["manifest.tsv", "manifest.jsonl"];

    /// <summary>Reads the manifest of a folder, or a file that is one. Recordings are named from its folder.</summary>
    /// <exception cref="UsageException">There is none, or it cannot be read; the message names the line.</exception>
    internal static Manifest Read(string path)
    {
        string file = Directory.Exists(path) ? Find(path) : path;
        try
        {
            string[] lines = System.IO.File.ReadAllLines(file);
            return System.IO.Path.GetExtension(file).ToLowerInvariant() switch
            {
                ".tsv" => new Manifest(file, Tsv, [.. ReadTsv(file, lines)]),
                ".jsonl" or ".ndjson" => new Manifest(file, JsonLines, [.. ReadJsonLines(file, lines)]),
                var other => throw new UsageException($"{file}: a manifest is .tsv (tab-separated) or .jsonl (JSON lines), not '{other}'."),
            };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The manifest cannot be read: {error.Message}");
        }
    }

    private static string Find(string folder)
    {
        string[] there = [.. Names.Select(name => System.IO.Path.Combine(folder, name)).Where(System.IO.File.Exists)];
        return there.Length switch
        {
            1 => there[0],
            0 => throw new UsageException($"{folder} has no manifest; put {string.Join(" or ", Names)} there, or name the file."),
            _ => throw new UsageException($"{folder} has {string.Join(" and ", Names)}; name the one that is meant."),
        };
    }

    private static IEnumerable<Clip> ReadTsv(string file, string[] lines)
    {
        string[] head = lines.Length == 0 ? [] : lines[0].Split('\t');
        int[] columns = [.. Columns.Select(name => Array.IndexOf(head, name))];
        if (columns.Contains(-1))
        {
            throw new UsageException($"{file}: its first line must name the columns {string.Join(", ", Columns)}, separated by tabs.");
        }

        for (int i = 1; i < lines.Length; i++)
        {
            if (string.IsNullOrWhiteSpace(lines[i]))
            {
                continue;
            }

            string[] cells = lines[i].Split('\t');
            if (cells.Length <= columns.Max())
            {
                throw new UsageException($"{file}, line {i + 1}: {cells.Length} columns, where the first line has {head.Length}.");
            }

            yield return Make(file, i, cells[columns[0]], cells[columns[1]], cells[columns[2]]);
        }
    }

    private static IEnumerable<Clip> ReadJsonLines(string file, string[] lines)
    {
        for (int i = 0; i < lines.Length; i++)
        {
            if (!string.IsNullOrWhiteSpace(lines[i]))
            {
                (string name, string text, string language) = ReadObject(file, i, lines[i]);
                yield return Make(file, i, name, text, language);
            }
        }
    }

    private static (string File, string Text, string Language) ReadObject(string file, int index, string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return (Text("file"), Text("text"), Text("language"));

            string Text(string key) => document.RootElement.TryGetProperty(key, out JsonElement value) ? value.GetString() ?? "" : "";
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{file}, line {index + 1}: not an object like {{\"file\": \"a.wav\", \"text\": \"...\", \"language\": \"en\"}}: {error.Message}");
        }
    }

    private static Clip Make(string manifest, int index, string file, string transcript, string language)
    {
        if (file.Length == 0)
        {
            throw new UsageException($"{manifest}, line {index + 1}: no file is named.");
        }

        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(manifest))!;
        return new Clip(file, System.IO.Path.Combine(folder, file), transcript.Trim(), language.Trim().ToLowerInvariant().Split('-', '_')[0]);
    }
}
