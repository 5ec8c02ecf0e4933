using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt.Tests;

public sealed class NativeLoaderTests
{
    [Fact]
    public void A_library_that_is_nowhere_is_reported_with_every_path_tried()
    {
        string[] candidates = [.. NativeLoader.Candidates(null, Path.GetTempPath()), "/nowhere/else"];
        DllNotFoundException error = Assert.Throws<DllNotFoundException>(() => NativeLoader.Load(candidates.Where(path => !File.Exists(path)), () => 0));
        Assert.All(candidates.Where(path => !File.Exists(path)), path => Assert.Contains(path, error.Message, StringComparison.Ordinal));
        Assert.Contains(NativeLoader.PathVariable, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_that_is_damaged_is_not_passed_over()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "no library");
            DllNotFoundException error = Assert.Throws<DllNotFoundException>(() => NativeLoader.Load([file], () => 0));
            Assert.Contains(file, error.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_named_library_is_the_only_candidate()
    {
        Assert.Equal(["/some/lib.so"], NativeLoader.Candidates("/some/lib.so", "/base"));
        string folder = Path.GetTempPath();
        Assert.Equal([Path.Combine(folder, FileName)], NativeLoader.Candidates(folder, "/base"));
    }

    [Fact]
    public void Packages_and_published_programs_are_looked_at_in_this_order()
    {
        string[] candidates = [.. NativeLoader.Candidates(null, "/base/bin/")];
        Assert.EndsWith(Path.Combine("native", FileName), candidates[0], StringComparison.Ordinal);
        Assert.StartsWith("/base/bin/runtimes/", candidates[0], StringComparison.Ordinal);
        Assert.Equal($"/base/bin/{FileName}", candidates[1]);
        Assert.Equal($"/base/lib/{FileName}", candidates[2]);
    }

    [Fact]
    public void A_checkout_is_found_from_below()
    {
        string root = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string deep = Directory.CreateDirectory(Path.Combine(root, "src", "x", "bin")).FullName;
            File.WriteAllText(Path.Combine(root, "WhisperTrt.slnx"), "");
            Assert.Contains(Path.Combine(root, "artifacts", "lib", FileName), NativeLoader.Candidates(null, deep));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void Another_ABI_is_refused()
    {
        uint major = NativeConstants.AbiMajor;
        uint minor = NativeConstants.AbiMinor;
        NativeLoader.CheckAbi((major << 16) | minor);
        NativeLoader.CheckAbi((major << 16) | (minor + 1));
        AbiMismatchException error = Assert.Throws<AbiMismatchException>(() => NativeLoader.CheckAbi((major + 1) << 16));
        Assert.Contains($"{major + 1}.0", error.Message, StringComparison.Ordinal);
        Assert.Throws<AbiMismatchException>(() => NativeLoader.CheckAbi((major - 1) << 16));
        if (minor > 0)
        {
            Assert.Throws<AbiMismatchException>(() => NativeLoader.CheckAbi((major << 16) | (minor - 1)));
        }
    }

    private static string FileName => OperatingSystem.IsWindows() ? "whispertrt.dll" : OperatingSystem.IsMacOS() ? "libwhispertrt.dylib" : "libwhispertrt.so";
}
