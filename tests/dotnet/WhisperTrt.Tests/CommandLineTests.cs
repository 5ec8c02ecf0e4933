using WhisperTrt.Cli;

namespace WhisperTrt.Tests;

/// <summary>The command line without a model: what is parsed, and what is refused.</summary>
public sealed class CommandLineTests
{
    public static TheoryData<string, string, string, object?> Values => new()
    {
        { "--model", "base", nameof(TranscribeSettings.Model), "base" },
        { "--model_dir", "/m", nameof(TranscribeSettings.ModelDirectory), "/m" },
        { "--device", "cuda:1", nameof(TranscribeSettings.Device), "cuda:1" },
        { "--device", "cuda:0,1", nameof(TranscribeSettings.Device), "cuda:0,1" },
        { "--output_dir", "out", nameof(TranscribeSettings.OutputDirectory), "out" },
        { "-o", "out", nameof(TranscribeSettings.OutputDirectory), "out" },
        { "--output_format", "srt", nameof(TranscribeSettings.OutputFormats), new[] { OutputFormat.Srt } },
        { "-f", "tsv", nameof(TranscribeSettings.OutputFormats), new[] { OutputFormat.Tsv } },
        { "-f", "txt", nameof(TranscribeSettings.OutputFormats), new[] { OutputFormat.Txt } },
        { "-f", "vtt", nameof(TranscribeSettings.OutputFormats), new[] { OutputFormat.Vtt } },
        { "-f", "lrc", nameof(TranscribeSettings.OutputFormats), new[] { OutputFormat.Lrc } },
        { "-f", "json", nameof(TranscribeSettings.OutputFormats), new[] { OutputFormat.Json } },
        { "-f", "all", nameof(TranscribeSettings.OutputFormats), new[] { OutputFormat.Txt, OutputFormat.Vtt, OutputFormat.Srt, OutputFormat.Tsv, OutputFormat.Json } },
        { "--verbose", "False", nameof(TranscribeSettings.Verbose), false },
        { "--verbose", "true", nameof(TranscribeSettings.Verbose), true },
        { "--task", "translate", nameof(TranscribeSettings.Task), SpeechTask.Translate },
        { "--language", "de", nameof(TranscribeSettings.Language), "de" },
        { "--language", "None", nameof(TranscribeSettings.Language), null },
        { "--temperature", "0.2", nameof(TranscribeSettings.Temperature), 0.2 },
        { "--best_of", "3", nameof(TranscribeSettings.BestOf), 3 },
        { "--best_of", "None", nameof(TranscribeSettings.BestOf), null },
        { "--beam_size", "5", nameof(TranscribeSettings.BeamSize), 5 },
        { "--beam_size", "None", nameof(TranscribeSettings.BeamSize), null },
        { "--patience", "1.5", nameof(TranscribeSettings.Patience), 1.5 },
        { "--length_penalty", "0.5", nameof(TranscribeSettings.LengthPenalty), 0.5 },
        { "--suppress_tokens", "-1", nameof(TranscribeSettings.SuppressTokens), "-1" },
        { "--suppress_tokens", "1,2,3", nameof(TranscribeSettings.SuppressTokens), "1,2,3" },
        { "--suppress_tokens", "", nameof(TranscribeSettings.SuppressTokens), "" },
        { "--initial_prompt", "Hello, world.", nameof(TranscribeSettings.InitialPrompt), "Hello, world." },
        { "--carry_initial_prompt", "True", nameof(TranscribeSettings.CarryInitialPrompt), true },
        { "--condition_on_previous_text", "False", nameof(TranscribeSettings.ConditionOnPreviousText), false },
        { "--fp16", "False", nameof(TranscribeSettings.Fp16), false },
        { "--temperature_increment_on_fallback", "0.2", nameof(TranscribeSettings.TemperatureIncrementOnFallback), 0.2 },
        { "--temperature_increment_on_fallback", "None", nameof(TranscribeSettings.TemperatureIncrementOnFallback), null },
        { "--compression_ratio_threshold", "2.4", nameof(TranscribeSettings.CompressionRatioThreshold), 2.4 },
        { "--logprob_threshold", "-0.5", nameof(TranscribeSettings.LogProbThreshold), -0.5 },
        { "--logprob_threshold", "None", nameof(TranscribeSettings.LogProbThreshold), null },
        { "--no_speech_threshold", "0.7", nameof(TranscribeSettings.NoSpeechThreshold), 0.7 },
        { "--word_timestamps", "True", nameof(TranscribeSettings.WordTimestamps), true },
        { "--prepend_punctuations", "\"", nameof(TranscribeSettings.PrependPunctuations), "\"" },
        { "--append_punctuations", ".", nameof(TranscribeSettings.AppendPunctuations), "." },
        { "--highlight_words", "True", nameof(TranscribeSettings.HighlightWords), true },
        { "--max_line_width", "40", nameof(TranscribeSettings.MaxLineWidth), 40 },
        { "--max_line_count", "2", nameof(TranscribeSettings.MaxLineCount), 2 },
        { "--max_words_per_line", "7", nameof(TranscribeSettings.MaxWordsPerLine), 7 },
        { "--json_trace", "True", nameof(TranscribeSettings.JsonTrace), true },
        { "--threads", "4", nameof(TranscribeSettings.Threads), 4 },
        { "--threads", "None", nameof(TranscribeSettings.Threads), null },
        { "--clip_timestamps", "1,2", nameof(TranscribeSettings.ClipTimestamps), "1,2" },
        { "--languages", "en,de", nameof(TranscribeSettings.Languages), "en,de" },
        { "--multilingual", "True", nameof(TranscribeSettings.Multilingual), true },
        { "--batched", "True", nameof(TranscribeSettings.Batched), true },
        { "--channels", "split", nameof(TranscribeSettings.Channels), ChannelMode.Split },
        { "--hallucination_silence_threshold", "2", nameof(TranscribeSettings.HallucinationSilenceThreshold), 2.0 },
        { "--compute_type", "float32", nameof(TranscribeSettings.ComputeType), ComputeType.Float32 },
        { "--compute_type", "float16", nameof(TranscribeSettings.ComputeType), ComputeType.Float16 },
        { "--compute_type", "bfloat16", nameof(TranscribeSettings.ComputeType), ComputeType.BFloat16 },
        { "--compute_type", "int8", nameof(TranscribeSettings.ComputeType), ComputeType.Int8 },
        { "--compute_type", "auto", nameof(TranscribeSettings.ComputeType), ComputeType.Auto },
        { "--cpu_isa", "avx512", nameof(TranscribeSettings.CpuIsa), CpuIsa.Avx512 },
        { "--max_batch", "8", nameof(TranscribeSettings.MaxBatch), 8 },
        { "--memory_limit", "5000000000", nameof(TranscribeSettings.MemoryLimit), 5_000_000_000 },
        { "--gpu_memory_limit", "40000000000", nameof(TranscribeSettings.GpuMemoryLimit), 40_000_000_000 },
        { "--kv_cache_free_gpu_memory_fraction", "0.5", nameof(TranscribeSettings.KvCacheFreeGpuMemoryFraction), 0.5 },
        { "--cross_kv_cache_fraction", "0.25", nameof(TranscribeSettings.CrossKvCacheFraction), 0.25 },
        { "--cross_kv_cache_fraction", "None", nameof(TranscribeSettings.CrossKvCacheFraction), null },
        { "--max_initial_timestamp", "None", nameof(TranscribeSettings.MaxInitialTimestamp), null },
        { "--max_initial_timestamp", "2", nameof(TranscribeSettings.MaxInitialTimestamp), 2.0 },
        { "--max_new_tokens", "99", nameof(TranscribeSettings.MaxNewTokens), 99 },
        { "--without_timestamps", "True", nameof(TranscribeSettings.WithoutTimestamps), true },
        { "--suppress_blank", "False", nameof(TranscribeSettings.SuppressBlank), false },
        { "--repetition_penalty", "1.2", nameof(TranscribeSettings.RepetitionPenalty), 1.2 },
        { "--no_repeat_ngram_size", "3", nameof(TranscribeSettings.NoRepeatNgramSize), 3 },
        { "--prompt_reset_on_temperature", "0.7", nameof(TranscribeSettings.PromptResetOnTemperature), 0.7 },
        { "--prefix", "Well,", nameof(TranscribeSettings.Prefix), "Well," },
        { "--hotwords", "WhisperTrt", nameof(TranscribeSettings.Hotwords), "WhisperTrt" },
        { "--seed", "5000000000", nameof(TranscribeSettings.Seed), 5_000_000_000 },
        { "--audio_context", "None", nameof(TranscribeSettings.AudioContext), AudioContext.Full },
        { "--audio_context", "auto", nameof(TranscribeSettings.AudioContext), AudioContext.Auto },
        { "--audio_context", "640", nameof(TranscribeSettings.AudioContext), AudioContext.Positions(640) },
        { "--audio_context_tail", "128", nameof(TranscribeSettings.AudioContextTail), 128 },
        { "--language_detection_threshold", "0.7", nameof(TranscribeSettings.LanguageDetectionThreshold), 0.7 },
        { "--language_detection_segments", "4", nameof(TranscribeSettings.LanguageDetectionSegments), 4 },
        { "--input_format", "s16le", nameof(TranscribeSettings.InputFormat), InputFormat.S16le },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public async Task An_option_is_taken_by_its_own_name_in_kebab_case_and_with_an_equals_sign(
        string option, string value, string property, object? expected)
    {
        string kebab = option.Replace('_', '-');
        foreach (string[] args in (string[][])
            [[option, value, "a.wav"], ["a.wav", option, value], [kebab, value, "a.wav"], ["a.wav", $"{option}={value}"]])
        {
            (int code, TranscribeSettings? settings, _, string error) = await ParseAsync(["transcribe", .. args]);
            Assert.True(code == 0, $"{string.Join(' ', args)}: {error}");
            Assert.Equal(["a.wav"], settings!.Audio);
            if (property.Length > 0)
            {
                Assert.Equal(expected, typeof(TranscribeSettings).GetProperty(property)!.GetValue(settings));
            }
        }
    }

    [Fact]
    public async Task Voice_activity_is_off_unless_asked_for_and_has_faster_whispers_options()
    {
        string[] values = ["--vad_threshold", "0.6", "--vad-neg-threshold", "0.2", "--vad_min_speech_duration_ms", "250",
            "--vad_max_speech_duration_s", "30", "--vad_min_silence_duration_ms", "160", "--vad_speech_pad_ms", "100"];
        (_, TranscribeSettings? off, _, _) = await ParseAsync(["transcribe", "a.wav", .. values]);
        Assert.Null(off!.Vad);
        (_, TranscribeSettings? defaults, _, _) = await ParseAsync(["transcribe", "a.wav", "--vad_filter", "True", "--vad_max_speech_duration_s", "inf"]);
        Assert.Equal(new VadOptions(), defaults!.Vad);
        (_, TranscribeSettings? all, _, _) = await ParseAsync(["transcribe", "a.wav", "--vad_filter", "True", .. values]);
        Assert.Equal(all!.Vad, all.ToTranscribeOptions().Vad);
        VadOptions expected = new()
        {
            Threshold = 0.6,
            NegativeThreshold = 0.2,
            MinSpeechDuration = TimeSpan.FromMilliseconds(250),
            MaxSpeechDuration = TimeSpan.FromSeconds(30),
            MinSilenceDuration = TimeSpan.FromMilliseconds(160),
            SpeechPad = TimeSpan.FromMilliseconds(100),
        };
        Assert.Equal(expected, all.Vad);
    }

    [Fact]
    public async Task The_defaults_are_openai_whispers()
    {
        (_, TranscribeSettings? settings, _, _) = await ParseAsync(["transcribe", "a.wav", "-", "b c.mp3"]);
        Assert.Equal(["a.wav", "-", "b c.mp3"], settings!.Audio);
        Assert.Equal(new TranscribeSettings() with { Audio = settings.Audio, Device = "auto", Threads = 0 }, settings);
        Assert.Equal(0, settings.Temperature);
        TranscribeOptions options = settings.ToTranscribeOptions();
        Assert.Equal((5, 5, 1.0), (options.BeamSize, options.BestOf, options.Patience));
        Assert.Equal([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], options.Temperatures.Select(temperature => Math.Round(temperature, 9)));
        Assert.Equal((2.4, -1.0, 0.6), (options.CompressionRatioThreshold, options.LogProbThreshold, options.NoSpeechThreshold));
        Assert.False(settings.WritesFiles);
        Honoured.Check(settings);
    }

    [Theory]
    [InlineData("--verbose", "yes")]
    [InlineData("--verbose", "None")]
    [InlineData("--beam_size", "five")]
    [InlineData("--beam_size", "1.5")]
    [InlineData("--temperature", "None")]
    [InlineData("--temperature", "nan")]
    [InlineData("--no_speech_threshold", "inf")]
    [InlineData("--output_format", "doc")]
    [InlineData("--task", "summarize")]
    [InlineData("--compute_type", "float8")]
    [InlineData("--gpu_memory_limit", "40GB")]
    [InlineData("--kv_cache_free_gpu_memory_fraction", "None")]
    [InlineData("--cpu_isa", "sse")]
    [InlineData("--max_batch", "99999999999")]
    public async Task A_value_that_cannot_be_read_is_refused_by_name(string option, string value)
    {
        (int code, _, _, string error) = await ParseAsync(["transcribe", "a.wav", option, value]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(option, error, StringComparison.Ordinal);
        Assert.Contains(value, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--nonsense", "1")]
    [InlineData("--vad_filters", "True")]
    public async Task An_option_that_is_not_known_is_refused(string option, string value)
    {
        (int code, _, _, string error) = await ParseAsync(["transcribe", "a.wav", option, value]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(option, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_two_dashes_everything_is_a_file()
    {
        (_, TranscribeSettings? settings, _, string error) = await ParseAsync(["transcribe", "--task", "translate", "--", "-x.wav", "@y.wav"]);
        Assert.True(settings is not null, error);
        Assert.Equal(["-x.wav", "@y.wav"], settings.Audio);
    }

    [Theory]
    [InlineData("--temperature", "-0.2")]
    [InlineData("--temperature", "1.5")]
    [InlineData("--temperature_increment_on_fallback", "0")]
    [InlineData("--seed", "-1")]
    [InlineData("--highlight_words", "True")]
    [InlineData("--max_line_width", "40")]
    [InlineData("--max_line_count", "2")]
    [InlineData("--max_words_per_line", "7")]
    [InlineData("--hallucination_silence_threshold", "2")]
    [InlineData("--clip_timestamps", "0,x")]
    [InlineData("--clip_timestamps", "-1")]
    [InlineData("--batched", "True")]
    [InlineData("--input_format", "s16le")]
    [InlineData("--threads", "-1")]
    [InlineData("--device", "tpu")]
    [InlineData("--device", "cuda:x")]
    [InlineData("--device", "cuda:-1")]
    [InlineData("--device", "cuda:0,")]
    [InlineData("--device", "cuda:1,0,1")]
    [InlineData("--gpu_memory_limit", "-1")]
    public async Task What_is_not_honoured_yet_is_refused_by_name(string option, string value)
    {
        (int code, _, string error) = await RunAsync(["transcribe", "a.wav", option, value]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(option, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--temperature", "0")]
    [InlineData("--temperature", "0.4")]
    [InlineData("--temperature_increment_on_fallback", "None")]
    [InlineData("--compression_ratio_threshold", "None")]
    [InlineData("--length_penalty", "0.6")]
    [InlineData("--carry_initial_prompt", "True")]
    [InlineData("--beam_size", "1")]
    [InlineData("--beam_size", "None")]
    [InlineData("--best_of", "5")]
    [InlineData("--word_timestamps", "True")]
    [InlineData("--append_punctuations", ".")]
    [InlineData("--clip_timestamps", "0")]
    [InlineData("--clip_timestamps", "0.0")]
    [InlineData("--clip_timestamps", "1.5, 3,7")]
    [InlineData("--clip_timestamps", "")]
    [InlineData("--channels", "split")]
    [InlineData("--fp16", "False")]
    [InlineData("--fp16", "True")]
    [InlineData("--max_line_width", "None")]
    [InlineData("--patience", "None")]
    [InlineData("--threads", "0")]
    public async Task What_can_be_done_is_accepted(string option, string value)
    {
        (_, TranscribeSettings? settings, _, _) = await ParseAsync(["transcribe", "a.wav", option, value]);
        Honoured.Check(settings!);
        settings!.ToModelOptions();
    }

    [Fact]
    public void Clips_are_seconds_and_0_is_the_whole_file()
    {
        Assert.Equal([1.5, 3, 7], new TranscribeSettings { ClipTimestamps = "1.5, 3,7" }.ToTranscribeOptions().ClipTimestamps);
        Assert.Empty(new TranscribeSettings().ToTranscribeOptions().ClipTimestamps);
        Assert.Throws<UsageException>(() => Honoured.Check(new TranscribeSettings { ClipTimestamps = "1,2", Vad = new VadOptions() }));
        Assert.Equal(["en", "de"], new TranscribeSettings { Languages = "en, de" }.ToTranscribeOptions().Languages);
    }

    [Fact]
    public void Layout_of_words_is_for_words_with_times()
    {
        TranscribeSettings[] asked =
        [
            new() { HighlightWords = true }, new() { MaxLineWidth = 40 }, new() { MaxLineCount = 2 }, new() { MaxWordsPerLine = 7 },
        ];
        foreach (TranscribeSettings settings in asked)
        {
            Exception error = Assert.Throws<UsageException>(() => Honoured.WordLayout(settings));
            Assert.Contains("requires --word_timestamps True", error.Message, StringComparison.Ordinal);
            Honoured.WordLayout(settings with { WordTimestamps = true });
        }

        Assert.Throws<UsageException>(() => Honoured.WordLayout(new() { WordTimestamps = true, MaxLineCount = -1 }));
        Honoured.WordLayout(new() { MaxLineWidth = 0, MaxLineCount = 0, MaxWordsPerLine = 0 });
    }

    [Fact]
    public void Layout_reaches_the_writer_and_0_is_no_limit()
    {
        TranscribeSettings settings = new() { MaxLineWidth = 40, MaxLineCount = 2, MaxWordsPerLine = 0, HighlightWords = true, JsonTrace = true };
        Assert.Equal(new WriteOptions { MaxLineWidth = 40, MaxLineCount = 2, HighlightWords = true, Trace = true }, settings.ToWriteOptions());
        Assert.Equal(new WriteOptions(), new TranscribeSettings().ToWriteOptions());
    }

    [Fact]
    public void Layout_without_effect_is_said()
    {
        Assert.Empty(Honoured.WithoutEffect(new() { MaxLineWidth = 40, MaxLineCount = 2 }));
        Assert.Empty(Honoured.WithoutEffect(new() { MaxLineWidth = 40, MaxWordsPerLine = 3 }));
        Assert.Contains("--max_line_count", Honoured.WithoutEffect(new() { MaxLineCount = 2 }).Single(), StringComparison.Ordinal);
        Assert.Contains("--max_words_per_line", Honoured.WithoutEffect(new() { MaxLineWidth = 40, MaxLineCount = 2, MaxWordsPerLine = 3 }).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_an_increment_there_is_one_temperature()
    {
        TranscribeSettings settings = new() { Temperature = 0.4 };
        Assert.Equal(4, settings.ToTranscribeOptions().Temperatures.Count);
        Assert.Equal([0.4], (settings with { TemperatureIncrementOnFallback = null }).ToTranscribeOptions().Temperatures);
        TranscribeOptions greedy = (settings with { BeamSize = null, BestOf = null, Patience = 2 }).ToTranscribeOptions();
        Assert.Equal((1, 1, 2.0), (greedy.BeamSize, greedy.BestOf, greedy.Patience));
    }

    [Fact]
    public async Task Float32_and_another_compute_type_at_once_are_refused()
    {
        (int code, _, string error) = await RunAsync(["transcribe", "a.wav", "--fp16", "False", "--compute_type", "int8"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("--fp16", error, StringComparison.Ordinal);
        Assert.Equal(ComputeType.Float32, new TranscribeSettings { Fp16 = false }.ToModelOptions().ComputeType);
    }

    [Fact]
    public async Task No_file_is_wrong_usage()
    {
        (int code, _, _, string error) = await ParseAsync(["transcribe", "--beam_size", "1"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("transcribe --help", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Standard_input_can_be_given_once()
    {
        (int code, _, string error) = await RunAsync(["transcribe", "-", "-"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("standard input", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_would_be_written_over_each_other_are_refused()
    {
        (int code, _, string error) = await RunAsync(["transcribe", "a/x.mp3", "b/x.wav", "-o", "out"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("a/x.mp3 and b/x.wav", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists("out"));
    }

    [Fact]
    public async Task A_model_that_is_not_there_has_its_own_exit_code()
    {
        string empty = Directory.CreateTempSubdirectory().FullName;
        (int code, _, string error) = await RunAsync(["transcribe", "a.wav", "--model", "tiny", "--model_dir", empty]);
        Assert.Equal(ExitCode.NoModel, code);
        Assert.Contains(empty, error, StringComparison.Ordinal);
        Directory.Delete(empty);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("transcribe", "--help")]
    [InlineData("quantize", "--help")]
    [InlineData("--version")]
    [InlineData]
    public async Task Help_and_version_succeed(params string[] args)
    {
        (int code, string output, string error) = await RunAsync(args);
        Assert.True(code == 0, error);
        Assert.NotEmpty(output);
    }

    [Theory]
    [InlineData("int4")]
    [InlineData("None")]
    public async Task Quantize_names_the_weights_it_cannot_write(string weights)
    {
        (int code, _, string error) = await RunAsync(["quantize", "a", "b", "--weights", weights]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("--weights", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("talk.mp3", "talk")]
    [InlineData("/a/b/talk.one.wav", "talk.one")]
    [InlineData("/a.b/talk", "talk")]
    [InlineData(".wav", ".wav")]
    [InlineData("..wav", "..wav")]
    [InlineData("-", "stdin")]
    public void A_files_outputs_have_its_name(string audio, string expected) => Assert.Equal(expected, OutputFiles.BaseName(audio));

    [Theory]
    [InlineData(0, "00:00.000")]
    [InlineData(5.56, "00:05.560")]
    [InlineData(65.5, "01:05.500")]
    [InlineData(3599.9996, "01:00:00.000")]
    [InlineData(3600, "01:00:00.000")]
    [InlineData(360_000.02, "100:00:00.020")]
    public void Times_read_as_openai_whisper_prints_them(double seconds, string expected) =>
        Assert.Equal(expected, Timestamp.Format(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_segments_line_is_openai_whispers()
    {
        Segment segment = new()
        {
            Id = 0,
            Seek = 0,
            Start = TimeSpan.Zero,
            End = TimeSpan.FromSeconds(5.56),
            Text = " Hello there.",
            Tokens = [],
            Words = [],
            Temperature = 0,
            AverageLogProbability = 0,
            CompressionRatio = 1,
            NoSpeechProbability = 0,
        };
        Assert.Equal("[00:00.000 --> 00:05.560]  Hello there.", Timestamp.Line(segment));
    }

    [Theory]
    [InlineData("audio", "transcribe", "a.wav", "")]
    [InlineData("audio", "transcribe", "--", "")]
    [InlineData("--model", "transcribe", "a.wav", "--model=")]
    [InlineData("--model_dir", "transcribe", "a.wav", "--model_dir", "")]
    [InlineData("--output_dir", "transcribe", "a.wav", "-o", "")]
    [InlineData("audio", "vad", "")]
    [InlineData("dir", "eval", "")]
    [InlineData("--json", "eval", "x", "--json", "")]
    [InlineData("model", "info", "")]
    [InlineData("model", "bench", "")]
    [InlineData("out", "quantize", "x", "")]
    public async Task A_name_that_is_empty_is_refused(string what, params string[] args)
    {
        (int code, _, string error) = await RunAsync(args);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(what, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_becomes_lines()
    {
        string text = DoctorCommand.Render("""{"cpu":{"amx":true,"cores":2},"modules":[{"name":"x","found":false}],"note":null,"A_B":"x","a_b":1}""");
        Assert.Equal("cpu:\n  amx: yes\n  cores: 2\nmodules:\n  -\n    name: x\n    found: no\nnote: none\nA_B: x\na b: 1\n", text);
    }

    [Fact]
    public void A_model_directory_is_searched_by_both_names()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        Directory.CreateDirectory(Path.Combine(folder, "whisper-base"));
        Assert.Equal(Path.Combine(folder, "whisper-base"), ModelLocator.Locate("base", folder, "/"));
        Assert.Equal("base", ModelLocator.Locate("base", null, "/"));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void The_bundled_model_is_found_beside_the_program()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string model = Directory.CreateDirectory(Path.Combine(folder, "models", ModelLocator.BundledName)).FullName;
        string program = Directory.CreateDirectory(Path.Combine(folder, "bin")).FullName;
        Assert.Equal(model, ModelLocator.Locate(null, null, program));
        Directory.Delete(folder, recursive: true);
        ModelNotFoundException error = Assert.Throws<ModelNotFoundException>(() => ModelLocator.Locate(null, null, "/"));
        Assert.Contains("--model", error.Message, StringComparison.Ordinal);
    }

    private static async Task<(int Code, TranscribeSettings? Settings, string Output, string Error)> ParseAsync(string[] args)
    {
        TranscribeSettings? seen = null;
        using StringWriter output = new();
        using StringWriter error = new();
        Terminal terminal = new(output, error, outputIsTerminal: false, errorIsTerminal: false);
        int code = await CommandLine.RunAsync(args, terminal, Keep, CancellationToken.None);
        return (code, seen, output.ToString(), error.ToString());

        Task<int> Keep(TranscribeSettings settings, CancellationToken cancellationToken)
        {
            seen = settings;
            return Task.FromResult(ExitCode.Ok);
        }
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await CommandLine.RunAsync(args, new Terminal(output, error, false, false), CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }
}
