using System.Diagnostics.Metrics;
using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>
/// The weights of a Whisper model on one device, with its tokenizer. Immutable and thread-safe; any number of engines can share it. May be
/// disposed before its engines: they keep what they need.
/// </summary>
public sealed class WhisperModel : IDisposable
{
    private readonly ModelHandle handle;
    private readonly Lazy<IReadOnlyList<WhisperLanguage>> languages;

    private WhisperModel(ModelHandle handle, string name)
    {
        this.handle = handle;
        Info = ReadInfo(handle, name);
        languages = new Lazy<IReadOnlyList<WhisperLanguage>>(ReadLanguages);
    }

    /// <summary>What the model is.</summary>
    public ModelInfo Info { get; }

    /// <summary>The languages it knows.</summary>
    /// <exception cref="ObjectDisposedException">Disposed before they were first asked for.</exception>
    public IReadOnlyList<WhisperLanguage> Languages => languages.Value;

    /// <summary>Loads a model.</summary>
    /// <param name="nameOrPath">
    /// The directory of a checkpoint, or a name ("tiny.en") that is looked for in $WHISPERTRT_MODELS and in the Hugging Face cache.
    /// </param>
    /// <param name="options">How; <see langword="null"/>: the defaults.</param>
    /// <exception cref="ModelNotFoundException">It does not exist; the message lists where it was looked for.</exception>
    /// <exception cref="InvalidCheckpointException">It is damaged or not what it claims to be.</exception>
    /// <exception cref="UnsupportedException">This build or chip cannot do what is asked for.</exception>
    /// <exception cref="WhisperOutOfMemoryException">Memory does not suffice.</exception>
    /// <exception cref="InvalidOptionException">An option is out of range.</exception>
    /// <exception cref="DllNotFoundException">The native library was not found; the message lists where it was looked for.</exception>
    /// <exception cref="AbiMismatchException">The native library is of another version.</exception>
    public static unsafe WhisperModel Load(string nameOrPath, ModelOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        NativeLoader.EnsureLoaded();
        NativeModelOptions native;
        NativeMethods.ModelOptionsInit(&native, (uint)sizeof(NativeModelOptions));
        OptionConversion.Apply(options ?? new ModelOptions(), ref native);
        using Utf8Arena arena = new();
        byte* name = arena.Add(nameOrPath, out long size);
        NativeError.ThrowIfFailed(NativeMethods.ModelLoad(name, size, &native, out ModelHandle handle));
        return new WhisperModel(handle, NameOf(nameOrPath));
    }

    /// <summary>Loads a model on the thread pool.</summary>
    /// <param name="nameOrPath"><inheritdoc cref="Load" path="/param[@name='nameOrPath']"/></param>
    /// <param name="options">How; <see langword="null"/>: the defaults.</param>
    /// <param name="cancellationToken">Gives up waiting; a load that has begun goes on and is thrown away.</param>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static async Task<WhisperModel> LoadAsync(
        string nameOrPath, ModelOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        Task<WhisperModel> load = Task.Run(() => Load(nameOrPath, options), cancellationToken);
        try
        {
            return await load.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = load.ContinueWith(
                static late => late.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }
    }

    /// <summary>Makes an engine, which transcribes.</summary>
    /// <param name="options">How; <see langword="null"/>: the defaults.</param>
    /// <param name="meterFactory">
    /// Makes the meter that the engine reports to, see <see cref="WhisperDiagnostics"/>; <see langword="null"/>: the one of the process.
    /// </param>
    /// <exception cref="InvalidOptionException">An option is out of range.</exception>
    /// <exception cref="WhisperOutOfMemoryException">Memory, or the cap on it, does not suffice.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public unsafe WhisperEngine CreateEngine(EngineOptions? options = null, IMeterFactory? meterFactory = null)
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        NativeEngineOptions native = ToNative(options);
        NativeError.ThrowIfFailed(NativeMethods.EngineCreate(handle, &native, out EngineHandle engine));
        try
        {
            return new WhisperEngine(engine, Info, Telemetry.For(meterFactory));
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <summary>What an engine with these options would take; nothing is allocated.</summary>
    /// <param name="options">How; <see langword="null"/>: the defaults.</param>
    /// <exception cref="InvalidOptionException">An option is out of range.</exception>
    /// <exception cref="WhisperOutOfMemoryException">The cap does not suffice for one row.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public unsafe MemoryPlan EstimateMemory(EngineOptions? options = null)
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        NativeEngineOptions native = ToNative(options);
        NativeMemoryPlan plan = new() { StructSize = (uint)sizeof(NativeMemoryPlan) };
        NativeError.ThrowIfFailed(NativeMethods.EngineEstimate(handle, &native, &plan));
        return ToMemoryPlan(plan);
    }

    /// <summary>Times each act of the device: log-mel, encoding, steps, whole windows. Takes seconds to minutes.</summary>
    /// <param name="options">What to measure; null for the defaults.</param>
    /// <returns>JSON: device, load time, and for each phase its name, batch, time and floor in milliseconds.</returns>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public unsafe string Bench(BenchOptions? options = null)
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        options ??= new BenchOptions();
        NativeBenchOptions native = default;
        NativeMethods.BenchOptionsInit(&native, (uint)sizeof(NativeBenchOptions));
        int[] batches = [.. options.Batches];
        fixed (int* first = batches)
        {
            native.Batches = first;
            native.BatchCount = batches.Length;
            native.Beams = options.Beams;
            native.CachedTokens = options.CachedTokens;
            native.WindowTokens = options.WindowTokens;
            native.Repetitions = options.Repetitions;
            native.TeraFlops = options.TeraFlops;
            native.TeraBytes = options.TeraBytes;
            NativeError.ThrowIfFailed(NativeMethods.Bench(handle, &native, out TextHandle report));
            return Utf8.Take(report);
        }
    }

    /// <summary>Text to token ids.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public unsafe int[] Tokenize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        using Utf8Arena arena = new();
        byte* bytes = arena.Add(text, out long size);

        // A token is at least one byte.
        var tokens = new int[size];
        long count;
        fixed (int* first = tokens)
        {
            NativeError.ThrowIfFailed(NativeMethods.ModelTokenize(handle, bytes, size, first, tokens.Length, &count));
        }

        return tokens[..checked((int)count)];
    }

    /// <summary>Token ids to text.</summary>
    /// <param name="tokens">The ids.</param>
    /// <param name="withSpecial">Whether special and timestamp tokens are written as &lt;|...|&gt;; otherwise they are dropped.</param>
    /// <exception cref="InvalidOptionException">An id is outside the vocabulary.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public unsafe string Detokenize(ReadOnlySpan<int> tokens, bool withSpecial = false)
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        fixed (int* first = tokens)
        {
            NativeError.ThrowIfFailed(NativeMethods.ModelDetokenize(handle, first, tokens.Length, withSpecial ? 1 : 0, out TextHandle text));
            return Utf8.Take(text);
        }
    }

    /// <summary>Log-mel of samples, padded with zeros or cut to 30 s.</summary>
    /// <param name="samples">16 kHz mono samples in [-1, 1].</param>
    /// <returns>Row-major [mels, 3000].</returns>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public unsafe float[] ComputeLogMel(ReadOnlySpan<float> samples)
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        var mel = new float[Info.Mels * WhisperSession.WindowFrames];
        fixed (float* source = samples, target = mel)
        {
            NativeError.ThrowIfFailed(NativeMethods.LogMel(handle, source, samples.Length, target));
        }

        return mel;
    }

    /// <summary>Makes a session, in which the acts of the device can be called one by one.</summary>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public WhisperSession CreateSession()
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        NativeError.ThrowIfFailed(NativeMethods.SessionCreate(handle, out SessionHandle session));
        return new WhisperSession(session, Info);
    }

    /// <summary>Lets go of the weights; engines and sessions that use them go on. Idempotent.</summary>
    public void Dispose() => handle.Dispose();

    internal static MemoryPlan ToMemoryPlan(in NativeMemoryPlan plan) => new()
    {
        MaxBatch = plan.MaxBatch,
        Weights = plan.Weights,
        SelfKv = plan.SelfKv,
        CrossKv = plan.CrossKv,
        Workspace = plan.Workspace,
        Total = plan.Total,
    };

    private static unsafe NativeEngineOptions ToNative(EngineOptions? options)
    {
        NativeEngineOptions native;
        NativeMethods.EngineOptionsInit(&native, (uint)sizeof(NativeEngineOptions));
        OptionConversion.Apply(options ?? new EngineOptions(), ref native);
        return native;
    }

    private static string NameOf(string nameOrPath) =>
        Directory.Exists(nameOrPath) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(nameOrPath))) : nameOrPath;

    private static unsafe ModelInfo ReadInfo(ModelHandle handle, string name)
    {
        NativeModelInfo info = new() { StructSize = (uint)sizeof(NativeModelInfo) };
        NativeError.ThrowIfFailed(NativeMethods.ModelGetInfo(handle, &info));
        return new ModelInfo
        {
            Name = name,
            Device = (Device)info.Device,
            ComputeType = (ComputeType)info.ComputeType,
            CpuIsa = (CpuIsa)info.CpuIsa,
            CpuThreads = info.CpuThreads,
            IsMultilingual = info.Multilingual != 0,
            LanguageCount = info.Languages,
            Mels = info.Mels,
            AudioContext = info.AudioContext,
            TextContext = info.TextContext,
            Width = info.Width,
            Heads = info.Heads,
            EncoderLayers = info.EncoderLayers,
            DecoderLayers = info.DecoderLayers,
            Vocabulary = info.Vocabulary,
            Parameters = info.Parameters,
            WeightBytes = info.WeightBytes,
            LoadTime = TimeSpan.FromSeconds(info.LoadSeconds),
            AlignmentHeads = info.AlignmentHeads,
        };
    }

    private unsafe WhisperLanguage[] ReadLanguages()
    {
        ObjectDisposedException.ThrowIf(handle.IsClosed, this);
        var all = new WhisperLanguage[Info.LanguageCount];
        for (int i = 0; i < all.Length; i++)
        {
            byte* code;
            byte* name;
            NativeError.ThrowIfFailed(NativeMethods.ModelGetLanguage(handle, i, &code, &name));
            all[i] = new WhisperLanguage(Utf8.ReadTerminated(code), Utf8.ReadTerminated(name));
        }

        return all;
    }
}
