using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary>Which devices the command line asks for, and what it lets them take.</summary>
public sealed class DeviceSettingsTests
{
    [Fact]
    public void Several_GPUs_are_a_model_each()
    {
        TranscribeSettings settings = new() { Device = "cuda:2,0", Fp16 = true };
        Assert.Equal([2, 0], settings.ToModelOptionsOfEach().Select(options => options.DeviceIndex));
        Assert.All(settings.ToModelOptionsOfEach(), options => Assert.Equal((Device.Cuda, ComputeType.Float16), (options.Device, options.ComputeType)));
        UsageException error = Assert.Throws<UsageException>(() => settings.ToModelOptions());
        Assert.Contains("--device: cuda:2,0", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, new TranscribeSettings { Device = "cuda:1" }.ToModelOptions().DeviceIndex);
        Assert.Equal(Device.Auto, new TranscribeSettings().ToModelOptionsOfEach().Single().Device);
    }

    [Theory]
    [InlineData("info", "x")]
    [InlineData("bench", "x")]
    [InlineData("listen", "-", "--model", "x")]
    public async Task What_takes_one_GPU_refuses_several(params string[] args)
    {
        using StringWriter error = new();
        Terminal terminal = new(TextWriter.Null, error, false, false);
        Assert.Equal(ExitCode.Usage, await CommandLine.RunAsync([.. args, "--device", "cuda:0,1"], terminal, CancellationToken.None));
        Assert.Contains("--device: cuda:0,1 names several GPUs", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_limit_of_the_GPU_leaves_the_engine_what_the_weights_do_not_take()
    {
        TranscribeSettings settings = new() { GpuMemoryLimit = 5000, KvCacheFreeGpuMemoryFraction = 0.5, CrossKvCacheFraction = 0.25 };
        EngineOptions expected = new() { MemoryLimit = 4000, KvCacheFreeGpuMemoryFraction = 0.5, CrossKvCacheFraction = 0.25 };
        Assert.Equal(expected, settings.ToEngineOptions(ModelOn(Device.Cuda, weights: 1000)));
        Assert.Equal(0, settings.ToEngineOptions(ModelOn(Device.Cuda, weights: 5000)).MemoryLimit);
        Assert.Null(settings.ToEngineOptions(ModelOn(Device.Cpu, weights: 1000)).MemoryLimit);
        UsageException error = Assert.Throws<UsageException>(() => settings.ToEngineOptions(ModelOn(Device.Cuda, weights: 5001)));
        Assert.Equal("--gpu_memory_limit: 5000 bytes are less than the weights of tiny take, 5001.", error.Message);

        Assert.Equal(7, new TranscribeSettings { MemoryLimit = 7 }.ToEngineOptions(ModelOn(Device.Cuda, weights: 1000)).MemoryLimit);
        Assert.Equal(new EngineOptions(), new TranscribeSettings().ToEngineOptions(ModelOn(Device.Cuda, weights: 1000)));
    }

    [Fact]
    public void Two_limits_at_once_are_refused()
    {
        UsageException error = Assert.Throws<UsageException>(() => Honoured.Check(new TranscribeSettings { GpuMemoryLimit = 5000, MemoryLimit = 1 }));
        Assert.Contains("--gpu_memory_limit and --memory_limit", error.Message, StringComparison.Ordinal);
    }

    [SpeechFact]
    public async Task A_limit_of_the_GPU_is_said_to_do_nothing_on_the_CPU()
    {
        using StringWriter error = new();
        Terminal terminal = new(TextWriter.Null, error, false, false);
        string[] args = ["transcribe", Repository.Clips[0], "--model", Repository.Model, "--device", "cpu", "--gpu_memory_limit", "1"];
        Assert.Equal(ExitCode.Ok, await CommandLine.RunAsync(args, terminal, CancellationToken.None));
        Assert.Equal("whispertrt: --gpu_memory_limit has no effect on the CPU\n", error.ToString());
    }

    [SpeechFact]
    public async Task Several_devices_are_given_what_they_soon_come_to()
    {
        EngineOptions small = new() { MaxBatch = 1 };
        WhisperEngineGroup group = new([Speech.Model.CreateEngine(small), Speech.Model.CreateEngine(small)]);
        await using WorkQueue queue = new(group);
        List<Transcription> running = [];
        for (int i = 0; i < 4; i++)
        {
            running.Add(await StartAsync(queue));
        }

        Task<Transcription> fifth = StartAsync(queue);
        await Task.Delay(50);
        Assert.False(fifth.IsCompleted);
        await running[2].DisposeAsync();
        queue.Leave();
        await (await fifth.WaitAsync(Speech.Patience)).DisposeAsync();
        using CancellationTokenSource source = new();
        Task<Transcription> sixth = StartAsync(queue, source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sixth.WaitAsync(Speech.Patience));
    }

    [SpeechFact]
    public async Task One_device_is_given_everything()
    {
        await using WorkQueue queue = new(new WhisperEngineGroup([Speech.Model.CreateEngine(new EngineOptions { MaxBatch = 1 })]));
        for (int i = 0; i < 5; i++)
        {
            await StartAsync(queue).WaitAsync(Speech.Patience);
        }
    }

    private static Task<Transcription> StartAsync(WorkQueue queue, CancellationToken cancellationToken = default) =>
        queue.StartAsync(Audio.Pushed, new TranscribeOptions(), null, cancellationToken);

    private static ModelInfo ModelOn(Device device, long weights) => new()
    {
        Name = "tiny",
        Device = device,
        ComputeType = ComputeType.Float16,
        CpuIsa = CpuIsa.Avx2,
        CpuThreads = 2,
        IsMultilingual = true,
        LanguageCount = 99,
        Mels = 80,
        AudioContext = 1500,
        TextContext = 448,
        Width = 384,
        Heads = 6,
        EncoderLayers = 4,
        DecoderLayers = 4,
        Vocabulary = 51865,
        Parameters = 37_000_000,
        WeightBytes = weights,
        LoadTime = TimeSpan.Zero,
        AlignmentHeads = 6,
    };
}
