using System.CommandLine;
using System.CommandLine.Parsing;

namespace WhisperTrt.Cli;

/// <summary><c>whispertrt transcribe</c>: its options, and their values as <see cref="TranscribeSettings"/>.</summary>
internal sealed class TranscribeCommand
{
    private static readonly (string, Formats)[] FormatNames =
    [
        ("txt", Formats.Txt), ("vtt", Formats.Vtt), ("srt", Formats.Srt), ("tsv", Formats.Tsv), ("json", Formats.Json), ("all", Formats.All), ("lrc", Formats.Lrc),
    ];

    private readonly Argument<string[]> audio = new("audio")
    {
        Description = "audio or video files; - is standard input",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Setting<string?> model = Options.Name(
        "--model", "name of a Whisper model (tiny.en, base, ...) or the directory of a checkpoint [default: the bundled tiny.en]");

    private readonly Setting<string?> modelDir = Options.Name("--model_dir", "directory in which --model is looked for by name");
    private readonly Setting<string?> device = Options.Text("--device", "auto", "device to compute on: auto, cpu, cuda, cuda:INDEX, or cuda:0,1,...: the model on each of these GPUs, and a file on the one with the fewest");
    private readonly Setting<string?> outputDir = Options.Name("--output_dir", "directory that transcripts are written to [default: nothing is written; . when --output_format is given]", "-o");
    private readonly Setting<Formats?> outputFormat = Options.Choice("--output_format", null, "format that is written; all: txt, vtt, srt, tsv and json [default: nothing is written; all when --output_dir is given]", FormatNames, "-f");
    private readonly Setting<bool> verbose = Options.Bool("--verbose", true, "print segments as they come; False: a progress bar instead");
    private readonly Setting<SpeechTask?> task = Options.Choice("--task", SpeechTask.Transcribe, "transcribe, or translate into English", [("transcribe", SpeechTask.Transcribe), ("translate", SpeechTask.Translate)]);
    private readonly Setting<string?> language = Options.Text("--language", null, "language spoken, as code or English name; None detects it");
    private readonly Setting<double> temperature = Options.Double("--temperature", 0, "sampling temperature; 0 takes the likeliest tokens");
    private readonly Setting<int?> bestOf = Options.OptionalInt("--best_of", 5, "candidates when sampling with a temperature above 0");
    private readonly Setting<int?> beamSize = Options.OptionalInt("--beam_size", 5, "beams when the temperature is 0; None and 1 are greedy");
    private readonly Setting<double?> patience = Options.OptionalDouble("--patience", null, "beam search ends when beam_size * patience hypotheses have ended; None is 1.0");
    private readonly Setting<double?> lengthPenalty = Options.OptionalDouble("--length_penalty", null, "hypotheses are ranked by log-probability over ((5 + length) / 6) ^ length_penalty; None: over length");
    private readonly Setting<string?> suppressTokens = Options.Text("--suppress_tokens", "-1", "comma-separated ids of tokens that are never sampled; -1: most special characters");
    private readonly Setting<string?> initialPrompt = Options.Text("--initial_prompt", null, "text that the first window is conditioned on");
    private readonly Setting<bool> carryInitialPrompt = Options.Bool("--carry_initial_prompt", false, "condition every window on the initial prompt, before the text so far");
    private readonly Setting<bool> conditionOnPreviousText = Options.Bool("--condition_on_previous_text", true, "the text so far is the prompt of the next window");
    private readonly Setting<bool?> fp16 = Options.OptionalBool("--fp16", "True: compute in float16 (GPUs); False: in float32");
    private readonly Setting<double?> temperatureIncrement = Options.OptionalDouble("--temperature_increment_on_fallback", 0.2, "temperature added, up to 1, when a window fails a threshold; None: no fallback");
    private readonly Setting<double?> compressionRatio = Options.OptionalDouble("--compression_ratio_threshold", 2.4, "windows whose text compresses better than this fail; None: off");
    private readonly Setting<double?> logProb = Options.OptionalDouble("--logprob_threshold", -1.0, "windows with a lower average log-probability fail; None: off");
    private readonly Setting<double?> noSpeech = Options.OptionalDouble("--no_speech_threshold", 0.6, "probability of no speech above which a window below --logprob_threshold is silence");
    private readonly Setting<bool> wordTimestamps = Options.Bool("--word_timestamps", false, "find the times of words, and move on by them");
    private readonly Setting<string?> prependPunctuations = Options.Text("--prepend_punctuations", new TranscribeOptions().PrependPunctuations, "(with --word_timestamps True) punctuation merged with the next word");
    private readonly Setting<string?> appendPunctuations = Options.Text("--append_punctuations", new TranscribeOptions().AppendPunctuations, "(with --word_timestamps True) punctuation merged with the previous word");
    private readonly Setting<bool> highlightWords = Options.Bool("--highlight_words", false, "(requires --word_timestamps True) underline words as they are spoken");
    private readonly Setting<int?> maxLineWidth = Options.OptionalInt("--max_line_width", null, "(requires --word_timestamps True) most characters in a line");
    private readonly Setting<int?> maxLineCount = Options.OptionalInt("--max_line_count", null, "(requires --word_timestamps True) most lines in a segment");
    private readonly Setting<int?> maxWordsPerLine = Options.OptionalInt("--max_words_per_line", null, "(requires --word_timestamps True) most words in a segment");
    private readonly Setting<bool> jsonTrace = Options.Bool("--json_trace", false, "the json says, under trace, how each window was decoded");
    private readonly Setting<int?> threads = Options.OptionalInt("--threads", 0, "CPU threads; 0 and None: one per core");
    private readonly Setting<string?> clipTimestamps = Options.Text("--clip_timestamps", "0", "comma-separated start,end,start,end,... seconds of the clips to transcribe; without a last end to the end of the file");
    private readonly Setting<double> languageDetectionThreshold = Options.Double("--language_detection_threshold", new TranscribeOptions().LanguageDetectionThreshold, "a window whose language is likelier than this decides the recording's alone");
    private readonly Setting<int> languageDetectionSegments = Options.Int("--language_detection_segments", new TranscribeOptions().LanguageDetectionSegments, "windows of 30 s that are heard until one decides the language; if none does, most of them do");
    private readonly Setting<string?> languages = Options.Text("--languages", null, "comma-separated languages that detection chooses from; None: all");
    private readonly Setting<bool> multilingual = Options.Bool("--multilingual", false, "detect the language of every window anew");
    private readonly Setting<bool> batched = Options.Bool("--batched", false, "(requires --vad_filter True) cut at silences into chunks that are decoded together and know nothing of each other");
    private readonly Setting<ChannelMode?> channels = Options.Choice("--channels", ChannelMode.Mix, "mix the channels, or split: transcribe each by itself", [("mix", ChannelMode.Mix), ("split", ChannelMode.Split)]);
    private readonly Setting<double?> hallucinationSilence = Options.OptionalDouble("--hallucination_silence_threshold", null, "(requires --word_timestamps True) seconds of silence that are skipped, and text next to them dropped, where that is likely made up");
    private readonly Setting<ComputeType?> computeType = Options.Choice("--compute_type", null, "numbers to compute with", ComputeTypeNames);
    private readonly Setting<CpuIsa?> cpuIsa = Options.Choice("--cpu_isa", null, "CPU instructions to use, for tests", CpuIsaNames);
    private readonly Setting<int?> maxBatch = Options.OptionalInt("--max_batch", null, "windows in flight and rows of a decode step, 1..256; None: 16");
    private readonly Setting<long?> memoryLimit = Options.OptionalLong("--memory_limit", "most bytes taken beside the weights");
    private readonly Setting<long?> gpuMemoryLimit = Options.OptionalLong("--gpu_memory_limit", "GPUs: most bytes taken on each, the weights included");
    private readonly Setting<double> kvCacheFraction = Options.Double("--kv_cache_free_gpu_memory_fraction", new EngineOptions().KvCacheFreeGpuMemoryFraction, "GPUs: part of the memory left beside the weights that KV caches may take");
    private readonly Setting<double?> crossKvCacheFraction = Options.OptionalDouble("--cross_kv_cache_fraction", null, "GPUs: part of what KV caches may take that the cross-attention's may; None: as they need");
    private readonly Setting<double?> maxInitialTimestamp = Options.OptionalDouble("--max_initial_timestamp", 1.0, "the first timestamp of a window is at most this, in seconds");
    private readonly Setting<int?> maxNewTokens = Options.OptionalInt("--max_new_tokens", null, "most tokens sampled per window; None: half the model's text context");
    private readonly Setting<bool> withoutTimestamps = Options.Bool("--without_timestamps", false, "text only, no timestamps");
    private readonly Setting<bool> suppressBlank = Options.Bool("--suppress_blank", true, "a window may not begin with a blank");
    private readonly Setting<double> repetitionPenalty = Options.Double("--repetition_penalty", 1.0, "logits of tokens a window already has are divided by this");
    private readonly Setting<int> noRepeatNgramSize = Options.Int("--no_repeat_ngram_size", 0, "no sequence of so many tokens comes twice in a window; 0: off");
    private readonly Setting<double> promptResetOnTemperature = Options.Double("--prompt_reset_on_temperature", 0.5, "after a window decoded hotter than this, the next one knows nothing of the text so far");
    private readonly Setting<string?> prefix = Options.Text("--prefix", null, "text that every window's transcript is made to begin with; not part of the output");
    private readonly Setting<string?> hotwords = Options.Text("--hotwords", null, "words that every window is conditioned on; of no effect with --prefix");
    private readonly Setting<long?> seed = Options.OptionalLong("--seed", "key of the random numbers of sampling, from 0; None is 0");
    private readonly Setting<InputFormat?> inputFormat = Options.Choice("--input_format", Cli.InputFormat.Auto, "what standard input carries: a container, or raw 16 kHz mono 16-bit samples", [("auto", Cli.InputFormat.Auto), ("s16le", Cli.InputFormat.S16le)]);

    private readonly Setting<AudioContext> audioContext = Options.AudioContext("--audio_context", "positions of the encoder, of 20 ms, that a window gets, by which windows are shorter too; auto: as many as its sound takes; None: all 1500. A short window that decodes badly is decoded anew at full length");
    private readonly Setting<int> audioContextTail = Options.Int("--audio_context_tail", new TranscribeOptions().AudioContextTail, "(with --audio_context auto) positions of silence behind the sound");

    private readonly Setting<bool> vadFilter = Options.Bool("--vad_filter", false, "transcribe only the speech; times refer to the whole recording");
    private readonly VadSettings vad = new();

    internal TranscribeCommand()
    {
        Command = new Command("transcribe", "Write down what is said in recordings. Options have openai/whisper's names; --output-dir is --output_dir.") { audio };
        foreach (Option<string?> option in (ReadOnlySpan<Option<string?>>)
            [
                model.Option, modelDir.Option, device.Option, outputDir.Option, outputFormat.Option, verbose.Option, task.Option,
                language.Option, temperature.Option, bestOf.Option, beamSize.Option, patience.Option, lengthPenalty.Option,
                suppressTokens.Option, initialPrompt.Option, carryInitialPrompt.Option, conditionOnPreviousText.Option, fp16.Option,
                temperatureIncrement.Option, compressionRatio.Option, logProb.Option, noSpeech.Option, wordTimestamps.Option,
                prependPunctuations.Option, appendPunctuations.Option, highlightWords.Option, maxLineWidth.Option, maxLineCount.Option,
                maxWordsPerLine.Option, jsonTrace.Option, threads.Option, clipTimestamps.Option, hallucinationSilence.Option, computeType.Option,
                cpuIsa.Option, maxBatch.Option, memoryLimit.Option, gpuMemoryLimit.Option, kvCacheFraction.Option, crossKvCacheFraction.Option, maxInitialTimestamp.Option, maxNewTokens.Option,
                withoutTimestamps.Option, suppressBlank.Option, repetitionPenalty.Option, noRepeatNgramSize.Option,
                promptResetOnTemperature.Option, prefix.Option, hotwords.Option, seed.Option, inputFormat.Option, vadFilter.Option, languages.Option, multilingual.Option,
                languageDetectionThreshold.Option, languageDetectionSegments.Option,
                batched.Option, channels.Option, audioContext.Option, audioContextTail.Option, .. vad.All,
            ])
        {
            Command.Options.Add(option);
        }
    }

    private enum Formats
    {
        Txt = OutputFormat.Txt,
        Srt = OutputFormat.Srt,
        Vtt = OutputFormat.Vtt,
        Tsv = OutputFormat.Tsv,
        Json = OutputFormat.Json,
        Lrc = OutputFormat.Lrc,
        All,
    }

    internal static (string, ComputeType)[] ComputeTypeNames { get; } =
        [("auto", ComputeType.Auto), ("float32", ComputeType.Float32), ("float16", ComputeType.Float16), ("bfloat16", ComputeType.BFloat16), ("int8", ComputeType.Int8)];

    internal static (string, CpuIsa)[] CpuIsaNames { get; } =
        [("auto", CpuIsa.Auto), ("portable", CpuIsa.Portable), ("avx2", CpuIsa.Avx2), ("avx512", CpuIsa.Avx512), ("amx", CpuIsa.Amx)];

    internal Command Command { get; }

    /// <summary>The command; <paramref name="run"/> is given what was asked for.</summary>
    /// <param name="literal">Arguments after --, which are files whatever they begin with.</param>
    internal static Command Create(Func<TranscribeSettings, CancellationToken, Task<int>> run, IReadOnlyCollection<string> literal)
    {
        TranscribeCommand self = new();
        self.audio.Validators.Add(result => RefuseUnknownOptions(result, literal));
        self.Command.SetAction((result, cancellation) => run(self.Read(result), cancellation));
        return self.Command;
    }

    /// <summary>Files take every word that is left over, a misspelt option too.</summary>
    private static void RefuseUnknownOptions(ArgumentResult result, IReadOnlyCollection<string> literal)
    {
        foreach (Token token in result.Tokens)
        {
            if (token.Value.Length > 1 && token.Value[0] == '-' && !literal.Contains(token.Value))
            {
                result.AddError($"{token.Value} is no option of transcribe. (A file of that name goes after --.)");
            }
        }
    }

    /// <summary>What was asked for; options that a command has not are at their defaults.</summary>
    internal TranscribeSettings Read(ParseResult result) => new()
    {
        Audio = result.GetValue(audio) ?? [],
        Model = model.Of(result),
        ModelDirectory = modelDir.Of(result),
        Device = device.Of(result),
        OutputDirectory = outputDir.Of(result),
        OutputFormats = outputFormat.Of(result) switch
        {
            null => null,
            Formats.All => OutputFiles.All,
            Formats one => [(OutputFormat)one],
        },
        Verbose = verbose.Of(result),
        Task = task.Of(result) ?? SpeechTask.Transcribe,
        Language = language.Of(result),
        Temperature = temperature.Of(result),
        BestOf = bestOf.Of(result),
        BeamSize = beamSize.Of(result),
        Patience = patience.Of(result),
        LengthPenalty = lengthPenalty.Of(result),
        SuppressTokens = suppressTokens.Of(result),
        InitialPrompt = initialPrompt.Of(result),
        CarryInitialPrompt = carryInitialPrompt.Of(result),
        ConditionOnPreviousText = conditionOnPreviousText.Of(result),
        Fp16 = fp16.Of(result),
        TemperatureIncrementOnFallback = temperatureIncrement.Of(result),
        CompressionRatioThreshold = compressionRatio.Of(result),
        LogProbThreshold = logProb.Of(result),
        NoSpeechThreshold = noSpeech.Of(result),
        WordTimestamps = wordTimestamps.Of(result),
        PrependPunctuations = prependPunctuations.Of(result) ?? "",
        AppendPunctuations = appendPunctuations.Of(result) ?? "",
        HighlightWords = highlightWords.Of(result),
        MaxLineWidth = maxLineWidth.Of(result),
        MaxLineCount = maxLineCount.Of(result),
        MaxWordsPerLine = maxWordsPerLine.Of(result),
        JsonTrace = jsonTrace.Of(result),
        Threads = threads.Of(result),
        ClipTimestamps = clipTimestamps.Of(result),
        Languages = languages.Of(result),
        LanguageDetectionThreshold = languageDetectionThreshold.Of(result),
        LanguageDetectionSegments = languageDetectionSegments.Of(result),
        Multilingual = multilingual.Of(result),
        Batched = batched.Of(result),
        Channels = channels.Of(result) ?? ChannelMode.Mix,
        HallucinationSilenceThreshold = hallucinationSilence.Of(result),
        ComputeType = computeType.Of(result),
        CpuIsa = cpuIsa.Of(result),
        MaxBatch = maxBatch.Of(result),
        MemoryLimit = memoryLimit.Of(result),
        GpuMemoryLimit = gpuMemoryLimit.Of(result),
        KvCacheFreeGpuMemoryFraction = kvCacheFraction.Of(result),
        CrossKvCacheFraction = crossKvCacheFraction.Of(result),
        MaxInitialTimestamp = maxInitialTimestamp.Of(result),
        MaxNewTokens = maxNewTokens.Of(result),
        WithoutTimestamps = withoutTimestamps.Of(result),
        SuppressBlank = suppressBlank.Of(result),
        RepetitionPenalty = repetitionPenalty.Of(result),
        NoRepeatNgramSize = noRepeatNgramSize.Of(result),
        PromptResetOnTemperature = promptResetOnTemperature.Of(result),
        Prefix = prefix.Of(result),
        Hotwords = hotwords.Of(result),
        Seed = seed.Of(result),
        AudioContext = audioContext.Of(result),
        AudioContextTail = audioContextTail.Of(result),
        InputFormat = inputFormat.Of(result) ?? Cli.InputFormat.Auto,
        Vad = vadFilter.Of(result) ? vad.Of(result) : null,
    };
}
