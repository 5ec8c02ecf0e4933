namespace WhisperTrt.Generator;

/// <summary>How the header's types appear in ctypes.</summary>
internal static class PythonTypes
{
    internal static string HandleName(string cName) => Names.Pascal(cName) + "Handle";

    /// <summary>In a structure or callback: texts are addresses with a size beside them, not zero-terminated strings.</summary>
    internal static string Field(CType type) => type switch
    {
        Scalar scalar => ScalarName(scalar.Name),
        StructType structure => Names.Pascal(structure.Name),
        Pointer { Pointee: Scalar { Name: "void" } or HandleType } => "ctypes.c_void_p",
        Pointer pointer => $"ctypes.POINTER({Field(pointer.Pointee)})",
        CallbackType callback => Names.Pascal(callback.Name),
        _ => throw new GeneratorException($"{type.Spelling} has no ctypes form."),
    };

    /// <summary>As an argument: a const text takes `bytes`.</summary>
    internal static string Argument(CType type) =>
        type is Pointer { PointeeIsConst: true, Pointee: Scalar { Name: "char" } } ? "ctypes.c_char_p" : Field(type);

    /// <summary>A text with a size function beside it may hold zero bytes: its address is returned, not what ctypes would cut.</summary>
    internal static string Result(Abi abi, Function function) => function.Result switch
    {
        Scalar { Name: "void" } => "None",
        Pointer when abi.Functions.Any(other => function.Name.EndsWith("_data", StringComparison.Ordinal) && other.Name == function.Name[..^4] + "size") => "ctypes.c_void_p",
        Pointer { Pointee: Scalar { Name: "char" } } => "ctypes.c_char_p",
        CType type => Field(type),
    };

    /// <summary>What a returned handle or owned struct is first written to.</summary>
    internal static string ReturnedCell(CType type) => Field(((Pointer)type).Pointee);

    private static string ScalarName(string name) => name switch
    {
        "char" => "ctypes.c_char",
        "float" => "ctypes.c_float",
        "double" => "ctypes.c_double",
        _ when name.EndsWith("_t", StringComparison.Ordinal) => "ctypes.c_" + name[..^2],
        _ => throw new GeneratorException($"{name} has no ctypes form."),
    };
}
