using System.Runtime.CompilerServices;

// All that crosses the boundary is blittable, so that calls are compiled ahead of time.
[assembly: DisableRuntimeMarshalling]
