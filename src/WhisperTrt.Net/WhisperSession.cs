using WhisperTrt.Internal;
using WhisperTrt.Interop;

namespace WhisperTrt;

/// <summary>
/// The acts of the device one by one, over one window and one row of tokens, for research: encode, project the cross-attention's keys and
/// values, prefill, step, align. Calls from several threads wait for one another.
/// </summary>
public sealed unsafe class WhisperSession : IDisposable
{
    /// <summary>Mel frames of a window: 3000 of 10 ms.</summary>
    public const int WindowFrames = 3000;

    private readonly SessionHandle handle;
    private readonly ModelInfo info;
    private readonly Lock gate = new();

    internal WhisperSession(SessionHandle handle, ModelInfo info)
    {
        this.handle = handle;
        this.info = info;
    }

    /// <summary>Encodes a window.</summary>
    /// <param name="mel">Row-major [mels, 3000].</param>
    /// <param name="output">Receives row-major [audio context, width]; empty: not wanted.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public void Encode(ReadOnlySpan<float> mel, Span<float> output = default)
    {
        Require(mel.Length, info.Mels * WindowFrames, nameof(mel));
        RequireOrEmpty(output.Length, (long)info.AudioContext * info.Width, nameof(output));
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, this);
            fixed (float* source = mel, target = output)
            {
                NativeError.ThrowIfFailed(NativeMethods.Encode(handle, source, target));
            }
        }
    }

    /// <summary>Computes every decoder layer's cross-attention keys and values of the encoded window. Needs <see cref="Encode"/>.</summary>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public void ProjectCrossKv()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, this);
            NativeError.ThrowIfFailed(NativeMethods.ProjectCrossKv(handle));
        }
    }

    /// <summary>Starts a new row of tokens. Needs <see cref="ProjectCrossKv"/>.</summary>
    /// <param name="tokens">1 to text context tokens.</param>
    /// <param name="logits">Receives row-major [tokens, vocabulary]; empty: not wanted.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public void Prefill(ReadOnlySpan<int> tokens, Span<float> logits = default)
    {
        RequireOrEmpty(logits.Length, (long)tokens.Length * info.Vocabulary, nameof(logits));
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, this);
            fixed (int* source = tokens)
            fixed (float* target = logits)
            {
                NativeError.ThrowIfFailed(NativeMethods.Prefill(handle, source, tokens.Length, target));
            }
        }
    }

    /// <summary>Appends one token to the row. Needs <see cref="Prefill"/>.</summary>
    /// <param name="token">The token.</param>
    /// <param name="logits">Receives [vocabulary]; empty: not wanted.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public void Step(int token, Span<float> logits = default)
    {
        RequireOrEmpty(logits.Length, info.Vocabulary, nameof(logits));
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, this);
            fixed (float* target = logits)
            {
                NativeError.ThrowIfFailed(NativeMethods.Step(handle, token, target));
            }
        }
    }

    /// <summary>
    /// Forces tokens on the window and ends the row: what word times are made from. Needs <see cref="ProjectCrossKv"/>.
    /// </summary>
    /// <param name="tokens">1 to text context tokens.</param>
    /// <param name="scores">
    /// Receives row-major [alignment heads, tokens, audio context]: the heads' cross-attention before the softmax, layer by layer; empty: not
    /// wanted.
    /// </param>
    /// <param name="probabilities">
    /// Receives [tokens]: the probability of each token after those before it, among text tokens; 0 of the first and of special ones. Empty:
    /// not wanted.
    /// </param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    /// <exception cref="ObjectDisposedException">Disposed.</exception>
    public void Align(ReadOnlySpan<int> tokens, Span<float> scores = default, Span<float> probabilities = default)
    {
        RequireOrEmpty(scores.Length, (long)info.AlignmentHeads * tokens.Length * info.AudioContext, nameof(scores));
        RequireOrEmpty(probabilities.Length, tokens.Length, nameof(probabilities));
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(handle.IsClosed, this);
            fixed (int* source = tokens)
            fixed (float* scoreTarget = scores, probabilityTarget = probabilities)
            {
                NativeError.ThrowIfFailed(NativeMethods.Align(handle, source, tokens.Length, scoreTarget, probabilityTarget));
            }
        }
    }

    /// <summary>Frees the session. Idempotent.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            handle.Dispose();
        }
    }

    private static void RequireOrEmpty(int length, long expected, string name)
    {
        if (length != 0)
        {
            Require(length, expected, name);
        }
    }

    private static void Require(int length, long expected, string name)
    {
        if (length != expected)
        {
            throw new ArgumentException($"The length is {length}; it must be {expected}.", name);
        }
    }
}
