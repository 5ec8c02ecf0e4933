using System.Runtime.InteropServices;

namespace WhisperTrt.Internal;

/// <summary>Keeps a handle open while memory that it owns is read.</summary>
internal readonly ref struct HandleLease
{
    private readonly SafeHandle handle;

    internal HandleLease(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        this.handle = handle;
    }

    public void Dispose() => handle.DangerousRelease();
}
