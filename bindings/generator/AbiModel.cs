namespace WhisperTrt.Generator;

/// <summary>Everything that the header declares, in the header's order.</summary>
internal sealed record Abi(
    IReadOnlyList<Constant> Constants,
    IReadOnlyList<Handle> Handles,
    IReadOnlyList<Struct> Structs,
    IReadOnlyList<Callback> Callbacks,
    IReadOnlyList<Function> Functions)
{
    internal const string ErrorHandle = "wtrt_error";

    /// <summary>A struct with a release function: it is handed out by pointer and owned by its receiver.</summary>
    internal bool IsOwned(string structName) => Functions.Any(function => function.Name == structName + "_release");

    internal long ConstantValue(string name) => Constants.Single(constant => constant.Name == name).Value;
}

/// <summary>An integer #define.</summary>
internal sealed record Constant(string Name, long Value, string? Doc, int Line);

/// <summary>An opaque type behind a pointer.</summary>
internal sealed record Handle(string Name, string? Doc, int Line)
{
    internal string ReleaseFunction => Name + "_release";
}

internal sealed record Struct(string Name, string? Doc, int Line, int Size, int Alignment, IReadOnlyList<Field> Fields);

internal sealed record Field(string Name, CType Type, string? Doc, int Line, int Offset, int Size);

/// <summary>A typedef of a function pointer.</summary>
internal sealed record Callback(string Name, CType Result, IReadOnlyList<Parameter> Parameters, string? Doc, int Line);

internal sealed record Function(string Name, CType Result, IReadOnlyList<Parameter> Parameters, string? Doc, int Line)
{
    /// <summary>Can fail: its result is an error or nothing.</summary>
    internal bool ReturnsError => Result is Pointer { Pointee: HandleType { Name: Abi.ErrorHandle } };

    internal bool IsRelease => Name.EndsWith("_release", StringComparison.Ordinal);

    internal bool IsRetain => Name.EndsWith("_retain", StringComparison.Ordinal);

    internal bool IsInit => Name.EndsWith("_init", StringComparison.Ordinal);
}

internal sealed record Parameter(string Name, CType Type);

/// <summary>A type as the header spells it.</summary>
internal abstract record CType
{
    /// <summary>The C spelling.</summary>
    internal abstract string Spelling { get; }
}

/// <summary>void, char, float, double or a fixed-width integer by its typedef name; anything else is kept so that it can be refused by name.</summary>
internal sealed record Scalar(string Name) : CType
{
    internal override string Spelling => Name;
}

internal sealed record HandleType(string Name) : CType
{
    internal override string Spelling => Name;
}

internal sealed record StructType(string Name) : CType
{
    internal override string Spelling => Name;
}

internal sealed record CallbackType(string Name) : CType
{
    internal override string Spelling => Name;
}

internal sealed record Pointer(CType Pointee, bool PointeeIsConst) : CType
{
    internal override string Spelling => Pointee is Pointer
        ? Pointee.Spelling + (PointeeIsConst ? " const*" : "*")
        : (PointeeIsConst ? "const " : "") + Pointee.Spelling + "*";
}
