using System.Text;
using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt.Tests;

public sealed unsafe class OptionConversionTests
{
    [Fact]
    public void Model_options_become_numbers_and_null_becomes_automatic()
    {
        NativeModelOptions native = new() { StructSize = 24 };
        OptionConversion.Apply(new ModelOptions(), ref native);
        Assert.Equal(24u, native.StructSize);
        Assert.Equal(NativeConstants.Auto, native.Device);
        Assert.Equal(0, native.DeviceIndex);
        Assert.Equal(NativeConstants.Auto, native.ComputeType);
        Assert.Equal(NativeConstants.Auto, native.CpuIsa);
        Assert.Equal(NativeConstants.Auto, native.CpuThreads);

        ModelOptions options = new() { Device = Device.Cuda, DeviceIndex = 3, ComputeType = ComputeType.Int8, CpuIsa = CpuIsa.Amx, CpuThreads = 7 };
        OptionConversion.Apply(options, ref native);
        Assert.Equal(1, native.Device);
        Assert.Equal(3, native.DeviceIndex);
        Assert.Equal(2, native.ComputeType);
        Assert.Equal(3, native.CpuIsa);
        Assert.Equal(7, native.CpuThreads);
    }

    [Fact]
    public void Engine_options_become_numbers_and_null_becomes_none()
    {
        NativeEngineOptions native = default;
        OptionConversion.Apply(new EngineOptions(), ref native);
        Assert.Equal(16, native.MaxBatch);
        Assert.Equal(1024, native.MaxQueuedJobs);
        Assert.Equal(NativeConstants.None, native.MemoryLimit);
        Assert.Equal(0.9, native.KvCacheFreeGpuMemoryFraction);
        Assert.True(double.IsNaN(native.CrossKvCacheFraction));

        EngineOptions options = new()
        {
            MaxBatch = 5,
            MaxQueuedJobs = 6,
            MemoryLimit = 1L << 33,
            KvCacheFreeGpuMemoryFraction = 0.5,
            CrossKvCacheFraction = 0.25,
        };
        OptionConversion.Apply(options, ref native);
        Assert.Equal(5, native.MaxBatch);
        Assert.Equal(6, native.MaxQueuedJobs);
        Assert.Equal(1L << 33, native.MemoryLimit);
        Assert.Equal((0.5, 0.25), (native.KvCacheFreeGpuMemoryFraction, native.CrossKvCacheFraction));
    }

    [Fact]
    public void Write_options_become_numbers_and_null_becomes_none()
    {
        NativeWriteOptions native = default;
        OptionConversion.Apply(new WriteOptions(), ref native);
        Assert.Equal(NativeConstants.None, native.MaxLineWidth);
        Assert.Equal(NativeConstants.None, native.MaxLineCount);
        Assert.Equal(NativeConstants.None, native.MaxWordsPerLine);
        Assert.Equal(0, native.HighlightWords);
        Assert.Equal(0, native.Trace);

        WriteOptions options = new() { MaxLineWidth = 40, MaxLineCount = 2, MaxWordsPerLine = 7, HighlightWords = true, Trace = true };
        OptionConversion.Apply(options, ref native);
        Assert.Equal(40, native.MaxLineWidth);
        Assert.Equal(2, native.MaxLineCount);
        Assert.Equal(7, native.MaxWordsPerLine);
        Assert.Equal(1, native.HighlightWords);
        Assert.Equal(1, native.Trace);
        Refused(nameof(WriteOptions.MaxLineWidth), () => OptionConversion.Apply(new WriteOptions { MaxLineWidth = -2 }, ref native));
    }

    [Fact]
    public void Transcribe_options_carry_every_field()
    {
        NativeTranscribeOptions native = new() { Tag = 99, ReportProgress = 1 };
        using Utf8Arena arena = new();
        TranscribeOptions options = new()
        {
            Task = SpeechTask.Translate,
            Language = "de",
            InitialPrompt = "Grüße 👋",
            SuppressTokens = "1,2",
            ConditionOnPreviousText = false,
            SuppressBlank = false,
            WithoutTimestamps = true,
            MaxNewTokens = 42,
            MaxInitialTimestamp = 2.5,
            NoSpeechThreshold = 0.25,
            LogProbThreshold = -0.75,
            MaxPendingSegments = 3,
            CompressionRatioThreshold = 2.25,
            Temperatures = [0.5, 0.75],
            BeamSize = 4,
            BestOf = 6,
            Patience = 1.5,
            LengthPenalty = 0.25,
            RepetitionPenalty = 1.25,
            NoRepeatNgramSize = 3,
            Seed = ulong.MaxValue,
            Prefix = "Also",
            Hotwords = "Grüße",
            CarryInitialPrompt = true,
            PromptResetOnTemperature = 0.625,
            WordTimestamps = true,
            PrependPunctuations = "¿",
            AppendPunctuations = "",
            HallucinationSilenceThreshold = 1.5,
            ClipTimestamps = [1, 2.5, 7],
            Languages = ["de", "fr"],
            Multilingual = true,
            Batched = true,
            Channels = ChannelMode.Split,
            AudioContext = AudioContext.Positions(640),
            AudioContextTail = 7,
            LanguageDetectionThreshold = 0.75,
            LanguageDetectionSegments = 4,
            LiveInterval = TimeSpan.FromSeconds(0.5),
        };
        OptionConversion.Apply(options, ref native, arena);
        Assert.Equal(1, native.Task);
        Assert.Equal("de", Text(native.Language, native.LanguageSize));
        Assert.Equal("Grüße 👋", Text(native.InitialPrompt, native.InitialPromptSize));
        Assert.Equal(0, native.InitialPrompt[native.InitialPromptSize]);
        Assert.Equal("1,2", Text(native.SuppressTokens, native.SuppressTokensSize));
        Assert.Equal(0, native.ConditionOnPreviousText);
        Assert.Equal(0, native.SuppressBlank);
        Assert.Equal(1, native.WithoutTimestamps);
        Assert.Equal(42, native.MaxNewTokens);
        Assert.Equal(2.5, native.MaxInitialTimestamp);
        Assert.Equal(0.25, native.NoSpeechThreshold);
        Assert.Equal(-0.75, native.LogprobThreshold);
        Assert.Equal(3, native.MaxPendingSegments);
        Assert.Equal(2.25, native.CompressionRatioThreshold);
        Assert.Equal([0.5, 0.75], new ReadOnlySpan<double>(native.Temperatures, (int)native.TemperatureCount).ToArray());
        Assert.Equal(4, native.BeamSize);
        Assert.Equal(6, native.BestOf);
        Assert.Equal(1.5, native.Patience);
        Assert.Equal(0.25, native.LengthPenalty);
        Assert.Equal(1.25, native.RepetitionPenalty);
        Assert.Equal(3, native.NoRepeatNgramSize);
        Assert.Equal(ulong.MaxValue, native.Seed);
        Assert.Equal("Also", Text(native.Prefix, native.PrefixSize));
        Assert.Equal("Grüße", Text(native.Hotwords, native.HotwordsSize));
        Assert.Equal(1, native.CarryInitialPrompt);
        Assert.Equal(0.625, native.PromptResetOnTemperature);
        Assert.Equal(1, native.WordTimestamps);
        Assert.Equal("¿", Text(native.PrependPunctuations, native.PrependPunctuationsSize));
        Assert.Equal("", Text(native.AppendPunctuations, native.AppendPunctuationsSize));
        Assert.False(native.AppendPunctuations == null);
        Assert.Equal(1.5, native.HallucinationSilenceThreshold);
        Assert.Equal([1, 2.5, 7], new ReadOnlySpan<double>(native.ClipTimestamps, (int)native.ClipTimestampCount).ToArray());
        Assert.Equal("de,fr", Text(native.Languages, native.LanguagesSize));
        Assert.Equal((1, 1, 1), (native.Multilingual, native.Batched, native.Channels));
        Assert.Equal((640, 7), (native.AudioContext, native.AudioContextTail));
        Assert.Equal((0.75, 4), (native.LanguageDetectionThreshold, native.LanguageDetectionSegments));
        Assert.Equal(0.5, native.LiveInterval);
        Assert.Equal(99ul, native.Tag);
        Assert.Equal(1, native.ReportProgress);
    }

    [Fact]
    public void A_length_of_windows_is_full_unless_it_says_otherwise()
    {
        Assert.Equal(AudioContext.Full, default);
        Assert.Equal((NativeConstants.None, NativeConstants.Auto, 1), (AudioContext.Full.Native, AudioContext.Auto.Native, AudioContext.Positions(1).Native));
        Assert.Equal(["full", "auto", "1500"], new[] { AudioContext.Full, AudioContext.Auto, AudioContext.Positions(1500) }.Select(one => one.ToString()));
        Assert.Throws<InvalidOptionException>(() => AudioContext.Positions(0));
        Assert.Throws<InvalidOptionException>(() => AudioContext.Positions(NativeConstants.Auto));
        Assert.Throws<InvalidOptionException>(() => AudioContext.Positions(1501));
    }

    [Fact]
    public void Voice_activity_options_carry_every_field()
    {
        NativeVadOptions native = default;
        OptionConversion.Apply(new VadOptions(), ref native);
        Assert.Equal((0.5, double.PositiveInfinity), (native.Threshold, native.MaxSpeechDurationS));
        Assert.True(double.IsNaN(native.NegThreshold));
        Assert.Equal((0, 2000, 400), (native.MinSpeechDurationMs, native.MinSilenceDurationMs, native.SpeechPadMs));
        VadOptions options = new()
        {
            Threshold = 0.7,
            NegativeThreshold = 0.3,
            MinSpeechDuration = TimeSpan.FromMilliseconds(1),
            MaxSpeechDuration = TimeSpan.FromSeconds(2.5),
            MinSilenceDuration = TimeSpan.FromMilliseconds(3),
            SpeechPad = TimeSpan.FromMilliseconds(4),
        };
        OptionConversion.Apply(options, ref native);
        Assert.Equal((0.7, 0.3, 2.5), (native.Threshold, native.NegThreshold, native.MaxSpeechDurationS));
        Assert.Equal((1, 3, 4), (native.MinSpeechDurationMs, native.MinSilenceDurationMs, native.SpeechPadMs));
        Assert.Throws<InvalidOptionException>(() => OptionConversion.Apply(new VadOptions { SpeechPad = TimeSpan.FromHours(2) }, ref native));
        Assert.Throws<InvalidOptionException>(() => OptionConversion.Apply(new VadOptions { NegativeThreshold = double.NaN }, ref native));
    }

    [Fact]
    public void Null_is_automatic_or_off_and_no_text_is_no_pointer()
    {
        NativeTranscribeOptions native = new() { LanguageSize = 5 };
        using Utf8Arena arena = new();
        TranscribeOptions options = new() { MaxInitialTimestamp = null, NoSpeechThreshold = null, LogProbThreshold = null, SuppressTokens = "" };
        OptionConversion.Apply(options, ref native, arena);
        Assert.True(native.Language is null);
        Assert.Equal(0, native.LanguageSize);
        Assert.True(native.InitialPrompt is null);
        Assert.True(native.SuppressTokens is not null, "an empty list differs from the default list");
        Assert.Equal(0, native.SuppressTokensSize);
        Assert.Equal(NativeConstants.Auto, native.MaxNewTokens);
        Assert.True(double.IsNaN(native.MaxInitialTimestamp));
        Assert.True(double.IsNaN(native.NoSpeechThreshold));
        Assert.True(double.IsNaN(native.LogprobThreshold));
        Assert.True(double.IsNaN(native.LengthPenalty));
    }

    [Fact]
    public void The_numbers_that_mean_automatic_natively_cannot_slip_in()
    {
        NativeModelOptions model = default;
        NativeEngineOptions engine = default;
        NativeTranscribeOptions transcribe = default;
        using Utf8Arena arena = new();
        Refused(nameof(ModelOptions.CpuThreads), () => OptionConversion.Apply(new ModelOptions { CpuThreads = -1 }, ref model));
        Refused(nameof(EngineOptions.MemoryLimit), () => OptionConversion.Apply(new EngineOptions { MemoryLimit = -2 }, ref engine));
        Refused(nameof(EngineOptions.CrossKvCacheFraction), () => OptionConversion.Apply(new EngineOptions { CrossKvCacheFraction = double.NaN }, ref engine));
        Refused(nameof(TranscribeOptions.MaxNewTokens), () => OptionConversion.Apply(new TranscribeOptions { MaxNewTokens = -1 }, ref transcribe, arena));
        Refused(nameof(TranscribeOptions.NoSpeechThreshold), () => OptionConversion.Apply(new TranscribeOptions { NoSpeechThreshold = double.NaN }, ref transcribe, arena));
    }

    [NativeFact]
    public void The_records_begin_with_the_librarys_own_defaults()
    {
        NativeModelOptions model;
        NativeMethods.ModelOptionsInit(&model, (uint)sizeof(NativeModelOptions));
        NativeModelOptions ourModel = model;
        OptionConversion.Apply(new ModelOptions(), ref ourModel);
        Assert.Equal(Bytes(model), Bytes(ourModel));

        NativeEngineOptions engine;
        NativeMethods.EngineOptionsInit(&engine, (uint)sizeof(NativeEngineOptions));
        NativeEngineOptions ourEngine = engine;
        OptionConversion.Apply(new EngineOptions(), ref ourEngine);
        Assert.True(double.IsNaN(engine.CrossKvCacheFraction) && double.IsNaN(ourEngine.CrossKvCacheFraction));  // of either sign
        ourEngine.CrossKvCacheFraction = engine.CrossKvCacheFraction;
        Assert.Equal(Bytes(engine), Bytes(ourEngine));

        NativeWriteOptions write;
        NativeMethods.WriteOptionsInit(&write, (uint)sizeof(NativeWriteOptions));
        NativeWriteOptions ourWrite = write;
        OptionConversion.Apply(new WriteOptions(), ref ourWrite);
        Assert.Equal(Bytes(write), Bytes(ourWrite));

        NativeTranscribeOptions native;
        NativeMethods.TranscribeOptionsInit(&native, (uint)sizeof(NativeTranscribeOptions));
        NativeTranscribeOptions ours = native;
        using Utf8Arena arena = new();
        OptionConversion.Apply(new TranscribeOptions(), ref ours, arena);
        if (native.SuppressTokens is not null)
        {
            Assert.Equal("-1", Text(native.SuppressTokens, native.SuppressTokensSize));
        }

        ours.SuppressTokens = native.SuppressTokens;
        ours.SuppressTokensSize = native.SuppressTokensSize;
        Assert.Equal(
            new ReadOnlySpan<double>(native.Temperatures, (int)native.TemperatureCount).ToArray(),
            new ReadOnlySpan<double>(ours.Temperatures, (int)ours.TemperatureCount).ToArray());
        ours.Temperatures = native.Temperatures;
        Assert.True(double.IsNaN(native.LengthPenalty) && double.IsNaN(ours.LengthPenalty));  // of either sign
        ours.LengthPenalty = native.LengthPenalty;
        Assert.True(double.IsNaN(native.HallucinationSilenceThreshold) && double.IsNaN(ours.HallucinationSilenceThreshold));
        ours.HallucinationSilenceThreshold = native.HallucinationSilenceThreshold;
        Assert.Equal(Text(native.PrependPunctuations, native.PrependPunctuationsSize), Text(ours.PrependPunctuations, ours.PrependPunctuationsSize));
        Assert.Equal(Text(native.AppendPunctuations, native.AppendPunctuationsSize), Text(ours.AppendPunctuations, ours.AppendPunctuationsSize));
        ours.PrependPunctuations = native.PrependPunctuations;
        ours.AppendPunctuations = native.AppendPunctuations;
        Assert.Equal(Bytes(native), Bytes(ours));
    }

    private delegate void Conversion();

    private static void Refused(string name, Conversion conversion)
    {
        InvalidOptionException error = Assert.Throws<InvalidOptionException>(() => conversion());
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Equal(WhisperErrorCode.InvalidArgument, error.Code);
    }

    private static byte[] Bytes<T>(in T value)
        where T : unmanaged
    {
        fixed (T* at = &value)
        {
            return new ReadOnlySpan<byte>(at, sizeof(T)).ToArray();
        }
    }

    private static string Text(byte* text, long size) => Encoding.UTF8.GetString(text, (int)size);
}
