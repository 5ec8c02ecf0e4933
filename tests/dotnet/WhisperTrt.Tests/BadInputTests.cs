namespace WhisperTrt.Tests;

/// <summary>Wrong values and damaged files end in an exception that names them.</summary>
public sealed class BadInputTests
{
    public static TheoryData<string, TranscribeOptions> WrongOptions => new()
    {
        { "task", new TranscribeOptions { Task = (SpeechTask)7 } },
        { "language", new TranscribeOptions { Language = "klingon" } },
        { "suppress_tokens", new TranscribeOptions { SuppressTokens = "one" } },
        { "max_new_tokens", new TranscribeOptions { MaxNewTokens = 0 } },
        { "max_new_tokens", new TranscribeOptions { MaxNewTokens = 100_000 } },
        { "max_initial_timestamp", new TranscribeOptions { MaxInitialTimestamp = -1 } },
        { "max_initial_timestamp", new TranscribeOptions { MaxInitialTimestamp = 31 } },
        { "beam_size", new TranscribeOptions { BeamSize = 0 } },
        { "beam_size", new TranscribeOptions { BeamSize = 33 } },
        { "best_of", new TranscribeOptions { BestOf = 257 } },
        { "max_batch", new TranscribeOptions { BestOf = 256 } },
        { "patience", new TranscribeOptions { Patience = 0 } },
        { "length_penalty", new TranscribeOptions { LengthPenalty = 1.5 } },
        { "temperature", new TranscribeOptions { Temperatures = [] } },
        { "temperatures", new TranscribeOptions { Temperatures = [0, -1] } },
        { "compression_ratio_threshold", new TranscribeOptions { CompressionRatioThreshold = -1 } },
        { "repetition_penalty", new TranscribeOptions { RepetitionPenalty = 0 } },
        { "no_repeat_ngram_size", new TranscribeOptions { NoRepeatNgramSize = -1 } },
        { "prompt_reset_on_temperature", new TranscribeOptions { PromptResetOnTemperature = -1 } },
        { "prefix", new TranscribeOptions { Prefix = string.Concat(Enumerable.Repeat("far too long ", 200)) } },
        { "max_pending_segments", new TranscribeOptions { MaxPendingSegments = 0 } },
    };

    [SpeechFact]
    public async Task A_wrong_option_is_named()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        foreach (object[] row in WrongOptions)
        {
            InvalidOptionException error =
                await Assert.ThrowsAsync<InvalidOptionException>(() => engine.TranscribeToEndAsync(Speech.Clip, (TranscribeOptions)row[1]));
            Assert.Contains((string)row[0], error.Message, StringComparison.Ordinal);
        }
    }

    [SpeechFact]
    public void A_wrong_engine_option_is_named()
    {
        Named("max_batch", new EngineOptions { MaxBatch = 0 });
        Named("max_batch", new EngineOptions { MaxBatch = 257 });
        Named("max_queued_jobs", new EngineOptions { MaxQueuedJobs = 0 });
        Assert.Throws<WhisperOutOfMemoryException>(() => Speech.Model.CreateEngine(new EngineOptions { MemoryLimit = 1000 }));

        static void Named(string name, EngineOptions options)
        {
            InvalidOptionException error = Assert.Throws<InvalidOptionException>(() => Speech.Model.CreateEngine(options));
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        }
    }

    [SpeechFact]
    public async Task Audio_that_is_not_there_or_no_audio_fails_by_its_kind_and_the_engine_goes_on()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        AudioNotFoundException missing = await Assert.ThrowsAsync<AudioNotFoundException>(() => engine.TranscribeToEndAsync(Audio.FromFile("/nö/spéech.wav")));
        Assert.Contains("/nö/spéech.wav", missing.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidAudioException>(() => engine.TranscribeToEndAsync(Audio.FromBytes("this is no audio at all"u8.ToArray())));
        await Assert.ThrowsAsync<InvalidAudioException>(() => engine.TranscribeToEndAsync(Audio.FromBytes(default)));
        await Assert.ThrowsAnyAsync<WhisperException>(() => engine.TranscribeToEndAsync(Audio.FromFile(Path.GetTempPath())));
        using Transcript transcript = await engine.TranscribeToEndAsync(Speech.Clip);
        Assert.NotEmpty(transcript.Text);
    }

    [SpeechFact]
    public async Task The_error_of_a_stream_comes_through_the_loop()
    {
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        await Assert.ThrowsAsync<AudioNotFoundException>(async () =>
        {
            await foreach (Segment _ in engine.TranscribeAsync(Audio.FromFile("/not/there.wav")))
            {
            }
        });
    }

    [SpeechFact]
    public async Task A_path_may_hold_any_letters()
    {
        string folder = Directory.CreateTempSubdirectory("wörter 文字 ").FullName;
        string path = Path.Combine(folder, "spräche 🎤.flac");
        File.Copy(Repository.Clips[0], path);
        await using WhisperEngine engine = Speech.Model.CreateEngine();
        using Transcript transcript = await engine.TranscribeToEndAsync(Audio.FromFile(path));
        Assert.NotEmpty(transcript.Text);
        Directory.Delete(folder, recursive: true);
    }

    [NativeFact]
    public async Task A_model_that_is_not_there_is_not_found()
    {
        ModelNotFoundException error = await Assert.ThrowsAsync<ModelNotFoundException>(() => WhisperModel.LoadAsync("/no/such/model"));
        Assert.Contains("/no/such/model", error.Message, StringComparison.Ordinal);
    }

    [SpeechFact]
    public void A_damaged_model_is_refused()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        foreach (string file in Directory.EnumerateFiles(Repository.Model))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        string weights = Path.Combine(folder, "model.safetensors");
        using (FileStream file = File.OpenWrite(weights))
        {
            file.SetLength(file.Length / 2);
        }

        Assert.Throws<InvalidCheckpointException>(() => WhisperModel.Load(folder));
        File.WriteAllText(Path.Combine(folder, "config.json"), "{\"d_model\": ");
        Assert.Throws<InvalidCheckpointException>(() => WhisperModel.Load(folder));
        Directory.Delete(folder, recursive: true);
    }

    [SpeechFact]
    public void A_wrong_model_option_is_named()
    {
        InvalidOptionException error = Assert.Throws<InvalidOptionException>(() => WhisperModel.Load(Repository.Model, new ModelOptions { CpuThreads = 5000 }));
        Assert.Contains("cpu_threads", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<InvalidOptionException>(() => WhisperModel.Load(Repository.Model, new ModelOptions { ComputeType = (ComputeType)17 }));
        Assert.Contains("compute_type", error.Message, StringComparison.Ordinal);
        Assert.Throws<UnsupportedException>(() => WhisperModel.Load(Repository.Model, new ModelOptions { Device = Device.Cuda }));
    }

    [Fact]
    public void Arguments_are_checked_before_anything_is_loaded()
    {
        Assert.Throws<ArgumentException>(() => WhisperModel.Load(""));
        Assert.Throws<ArgumentException>(() => Audio.FromFile(""));
        Assert.Throws<ArgumentNullException>(() => Audio.FromStream(null!));
        using MemoryStream closed = new();
        closed.Dispose();
        Assert.Throws<ArgumentException>(() => Audio.FromStream(closed));
        Assert.Throws<ArgumentNullException>(() => TextNormalizer.Normalize(null!));
    }
}
