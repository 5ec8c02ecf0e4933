namespace WhisperTrt.Generator;

/// <summary>How the header's types appear in C# signatures and structs.</summary>
internal static class CSharpTypes
{
    internal static string HandleName(string cName) => Names.Pascal(cName) + "Handle";

    internal static string StructName(string cName) => "Native" + Names.Pascal(cName);

    internal static string Field(CType type) => Blittable(type);

    internal static string Result(Function function) => function.ReturnsError ? "nint" : Blittable(function.Result);

    internal static string Parameter(Abi abi, Function function, CType type) => type switch
    {
        // A SafeHandle gives the handle a reference for the length of the call; only its own ReleaseHandle has the bare pointer.
        Pointer { Pointee: HandleType { Name: Abi.ErrorHandle } } => "nint",
        Pointer { Pointee: HandleType handle } => function.IsRelease ? "nint" : HandleName(handle.Name),
        Pointer { Pointee: Pointer { Pointee: HandleType handle } } => "out " + HandleName(handle.Name),

        // The receiver of an owned struct frees it, so it travels as the address that its release function takes.
        Pointer { Pointee: StructType owned } when abi.IsOwned(owned.Name) => "nint",
        Pointer { Pointee: Pointer { Pointee: StructType owned } } when abi.IsOwned(owned.Name) => "out nint",
        CallbackType callback => CallbackPointer(abi, callback),
        _ => Blittable(type),
    };

    private static string CallbackPointer(Abi abi, CallbackType type)
    {
        Callback callback = abi.Callbacks.Single(candidate => candidate.Name == type.Name);
        IEnumerable<string> types = callback.Parameters.Select(parameter => Blittable(parameter.Type)).Append(Blittable(callback.Result));
        return $"delegate* unmanaged[Cdecl]<{string.Join(", ", types)}>";
    }

    private static string Blittable(CType type) => type switch
    {
        Scalar scalar => ScalarName(scalar.Name),
        StructType structure => StructName(structure.Name),
        Pointer { Pointee: HandleType } => "nint",
        Pointer pointer => Blittable(pointer.Pointee) + "*",
        _ => throw new GeneratorException($"{type.Spelling} has no C# form."),
    };

    private static string ScalarName(string name) => name switch
    {
        "void" => "void",
        "char" or "uint8_t" => "byte",
        "int8_t" => "sbyte",
        "int16_t" => "short",
        "uint16_t" => "ushort",
        "int32_t" => "int",
        "uint32_t" => "uint",
        "int64_t" => "long",
        "uint64_t" => "ulong",
        "float" => "float",
        "double" => "double",
        _ => throw new GeneratorException($"{name} has no C# form."),
    };
}
