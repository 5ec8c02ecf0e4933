using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace WhisperTrt.Internal;

/// <summary>Finds the native library, once, and refuses one of another ABI.</summary>
internal static class NativeLoader
{
    internal const string LibraryName = "whispertrt";

    /// <summary>Names the library, or the folder it lies in.</summary>
    internal const string PathVariable = "WHISPERTRT_LIBRARY";

    /// <summary>Marks the root of a checkout, where a build leaves its libraries.</summary>
    private const string CheckoutMarker = "WhisperTrt.slnx";

    private static readonly Lock Gate = new();
    private static nint library;
    private static bool resolverIsSet;

    /// <summary>Called by everything that can be the first use of the library.</summary>
    internal static void EnsureLoaded()
    {
        if (Volatile.Read(ref library) != 0)
        {
            return;
        }

        lock (Gate)
        {
            if (library != 0)
            {
                return;
            }

            nint found = Load(Candidates(), SystemSearch);
            if (!resolverIsSet)
            {
                NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, Resolve);
                resolverIsSet = true;
            }

            CheckAbi(ReadAbiVersion(found));
            Volatile.Write(ref library, found);
        }
    }

    /// <summary>Where the library is looked for before the system's own search, best first.</summary>
    internal static IEnumerable<string> Candidates() =>
        Candidates(Environment.GetEnvironmentVariable(PathVariable), AppContext.BaseDirectory);

    internal static IEnumerable<string> Candidates(string? configured, string baseDirectory)
    {
        string file = FileName();
        if (!string.IsNullOrEmpty(configured))
        {
            // Somebody who names a library wants that one and no other.
            yield return Directory.Exists(configured) ? Path.Combine(configured, file) : configured;
            yield break;
        }

        yield return Path.Combine(baseDirectory, "runtimes", RuntimeIdentifier(), "native", file);
        yield return Path.Combine(baseDirectory, file);
        yield return Path.GetFullPath(Path.Combine(baseDirectory, "..", "lib", file));
        if (FindCheckout(baseDirectory) is { } root)
        {
            yield return Path.Combine(root, "artifacts", "lib", file);
            yield return Path.Combine(root, "artifacts", file);
            yield return Path.Combine(root, "build", "release", "lib", file);
        }
    }

    /// <summary>Loads the first candidate that exists; a library that exists and cannot be loaded is an error at once.</summary>
    internal static nint Load(IEnumerable<string> candidates, Func<nint> systemSearch)
    {
        List<string> tried = [];
        foreach (string path in candidates)
        {
            if (!File.Exists(path))
            {
                tried.Add($"{path}: not there");
                continue;
            }

            try
            {
                return NativeLibrary.Load(path);
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                throw new DllNotFoundException($"The native library {path} is there but cannot be loaded: {error.Message}", error);
            }
        }

        bool configured = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(PathVariable));
        if (!configured)
        {
            nint handle = systemSearch();
            if (handle != 0)
            {
                return handle;
            }

            tried.Add($"{FileName()}: not found by the system's own search");
        }

        StringBuilder message = new();
        message.Append("The native library ").Append(FileName()).Append(" was not found. Tried:");
        foreach (string line in tried)
        {
            message.Append("\n  ").Append(line);
        }

        message.Append("\nBuild it, or name it (or its folder) in the environment variable ").Append(PathVariable).Append('.');
        throw new DllNotFoundException(message.ToString());
    }

    /// <summary>The major number must be ours, the minor at least ours.</summary>
    internal static void CheckAbi(uint version)
    {
        uint major = version >> 16;
        uint minor = version & 0xffff;
        if (major != AbiMajor || minor < AbiMinor)
        {
            throw new AbiMismatchException(
                $"The native library speaks ABI {major}.{minor}; this assembly needs {AbiMajor}.{AbiMinor} or a later minor version. " +
                "Install a native library and an assembly of the same version.");
        }
    }

    private static uint AbiMajor => (uint)Interop.NativeConstants.AbiMajor;

    private static uint AbiMinor => (uint)Interop.NativeConstants.AbiMinor;

    private static unsafe uint ReadAbiVersion(nint handle) =>
        NativeLibrary.TryGetExport(handle, "wtrt_abi_version", out nint address)
            ? ((delegate* unmanaged<uint>)address)()
            : throw new AbiMismatchException("The native library found exports no wtrt_abi_version: it is another library of the same name.");

    private static nint SystemSearch() =>
        NativeLibrary.TryLoad(LibraryName, typeof(NativeLoader).Assembly, null, out nint handle) ? handle : 0;

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != LibraryName)
        {
            return 0;
        }

        nint found = Volatile.Read(ref library);
        return found != 0 ? found : Load(Candidates(), SystemSearch);
    }

    private static string? FindCheckout(string start)
    {
        for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, CheckoutMarker)))
            {
                return folder.FullName;
            }
        }

        return null;
    }

    private static string FileName() =>
        OperatingSystem.IsWindows() ? $"{LibraryName}.dll"
        : OperatingSystem.IsMacOS() ? $"lib{LibraryName}.dylib"
        : $"lib{LibraryName}.so";

    private static string RuntimeIdentifier()
    {
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string chip = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => "x64",
            Architecture.Arm64 => "arm64",
            var other => other.ToString(),
        };
        return $"{system}-{chip}";
    }
}
