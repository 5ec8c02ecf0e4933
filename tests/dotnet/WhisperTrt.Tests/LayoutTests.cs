using WhisperTrt.Interop;

namespace WhisperTrt.Tests;

public sealed class LayoutTests
{
    public static TheoryData<string> Structs => [.. NativeLayout.Measure().Select(layout => layout.Name)];

    [Theory]
    [MemberData(nameof(Structs))]
    public void A_struct_lies_in_memory_as_the_C_compiler_lays_it(string name)
    {
        StructLayoutCheck layout = NativeLayout.Measure().Single(candidate => candidate.Name == name);
        Assert.Equal(layout.ExpectedSize, layout.ActualSize);
        Assert.NotEmpty(layout.Fields);
        Assert.Equal("struct_size", layout.Fields[0].Name);
        Assert.All(layout.Fields, field => Assert.Equal(field.ExpectedOffset, field.ActualOffset));
    }

    [Fact]
    public void Public_enumerations_have_the_values_of_the_ABI()
    {
        Same<WhisperErrorCode, NativeErrorCode>();
        Same<SpeechTask, NativeTask>();
        Same<OutputFormat, NativeFormat>();
        Same<TextNormalization, NativeNormalizer>();
        SameBesidesAuto<Device, NativeDevice>();
        SameBesidesAuto<ComputeType, NativeCompute>();
        SameBesidesAuto<CpuIsa, NativeIsa>();
        Assert.Equal(NativeConstants.Auto, (int)Device.Auto);
        Assert.Equal(NativeConstants.Auto, (int)ComputeType.Auto);
        Assert.Equal(NativeConstants.Auto, (int)CpuIsa.Auto);
    }

    private static void Same<TPublic, TNative>()
        where TPublic : struct, Enum
        where TNative : struct, Enum =>
        Assert.Equal(Pairs<TNative>(), Pairs<TPublic>());

    private static void SameBesidesAuto<TPublic, TNative>()
        where TPublic : struct, Enum
        where TNative : struct, Enum =>
        Assert.Equal(Pairs<TNative>(), Pairs<TPublic>().Where(pair => pair.Name != "AUTO"));

    private static IEnumerable<(string Name, int Value)> Pairs<T>()
        where T : struct, Enum =>
        Enum.GetValues<T>()
            .Select(value => (value.ToString().ToUpperInvariant(), Convert.ToInt32(value, System.Globalization.CultureInfo.InvariantCulture)))
            .OrderBy(pair => pair.Item2);
}
