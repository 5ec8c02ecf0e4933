using System.Text;

namespace WhisperTrt.Generator;

/// <summary>One generated file: path from the repository's root, and its content.</summary>
internal sealed record GeneratedFile(string Path, string Content);

internal static class Program
{
    private const string HeaderPath = "native/include/whispertrt/whispertrt.h";
    private const int Success = 0;
    private const int Differs = 1;
    private const int Failed = 2;

    private const string Usage = """
        Generates the bindings of a WhisperTrt header.

        Usage: whispertrt-generator [--header FILE] [--root FOLDER] [--check]

          --header FILE   the header to read (default: native/include/whispertrt/whispertrt.h under the root)
          --root FOLDER   the repository's root, under which the files are written (default: the nearest folder upwards with that header)
          --check         write nothing; name the files that differ

        Exit code: 0 all well, 1 --check found files that differ, 2 the header breaks a rule or something is missing.
        """;

    private static int Main(string[] arguments)
    {
        try
        {
            LibClang.UseResolver();
            Options options = Options.Parse(arguments);
            if (options.Help)
            {
                Console.WriteLine(Usage);
                return Success;
            }

            return Run(options);
        }
        catch (GeneratorException exception)
        {
            Console.Error.WriteLine("error: " + exception.Message);
            return Failed;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine("error: " + exception.Message);
            return Failed;
        }
    }

    private static int Run(Options options)
    {
        string root = options.Root ?? FindRoot();
        string header = options.Header ?? Path.Combine(root, HeaderPath);
        Abi abi = HeaderReader.Read(header);
        List<string> breaches = AbiRules.Breaches(abi);
        if (breaches.Count > 0)
        {
            throw new GeneratorException($"{header} breaks the ABI's rules:\n  " + string.Join("\n  ", breaches));
        }

        string include = "whispertrt/" + Path.GetFileName(header);
        GeneratedFile[] files = [.. CSharpEmitter.Emit(abi, include), PythonEmitter.Emit(abi, include), ManifestEmitter.Emit(abi)];
        List<GeneratedFile> changed = [.. files.Where(file => Existing(root, file) != file.Content)];
        if (options.Check)
        {
            changed.ForEach(file => Console.Error.WriteLine($"{file.Path} differs from what the header gives; run ./build.sh generate"));
            return changed.Count == 0 ? Success : Differs;
        }

        foreach (GeneratedFile file in changed)
        {
            string path = Path.Combine(root, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, file.Content, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            Console.WriteLine($"wrote {file.Path}");
        }

        Console.WriteLine($"{abi.Functions.Count} functions, {abi.Structs.Count} structs, {abi.Handles.Count} handles, {abi.Constants.Count} constants; {changed.Count} of {files.Length} files changed");
        return Success;
    }

    private static string FindRoot()
    {
        foreach (string start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
            {
                if (File.Exists(Path.Combine(folder.FullName, HeaderPath)))
                {
                    return folder.FullName;
                }
            }
        }

        throw new GeneratorException($"No {HeaderPath} here or above; name the repository with --root.");
    }

    private static string? Existing(string root, GeneratedFile file)
    {
        string path = Path.Combine(root, file.Path);
        return File.Exists(path) ? File.ReadAllText(path) : null;
    }

    private sealed record Options(string? Header, string? Root, bool Check, bool Help)
    {
        internal static Options Parse(string[] arguments)
        {
            var options = new Options(null, null, false, false);
            for (int i = 0; i < arguments.Length; i++)
            {
                string Value() => ++i < arguments.Length ? arguments[i] : throw new GeneratorException($"{arguments[^1]} needs a value.");
                options = arguments[i] switch
                {
                    "--header" => options with { Header = Value() },
                    "--root" => options with { Root = Value() },
                    "--check" => options with { Check = true },
                    "--help" or "-h" => options with { Help = true },
                    _ => throw new GeneratorException($"unknown argument {arguments[i]}\n{Usage}"),
                };
            }

            return options;
        }
    }
}
