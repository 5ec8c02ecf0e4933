namespace WhisperTrt.Generator;

/// <summary>The promises of the header's opening comment, as far as a declaration alone can keep or break them.</summary>
internal static class AbiRules
{
    private static readonly HashSet<string> FieldScalars = ["int32_t", "uint32_t", "int64_t", "uint64_t", "float", "double"];
    private static readonly HashSet<string> PointedScalars = [.. FieldScalars, "char", "void", "int8_t", "uint8_t", "int16_t", "uint16_t"];

    private static readonly string[] VersionConstants = ["WTRT_ABI_MAJOR", "WTRT_ABI_MINOR"];

    /// <summary>Every breach, each naming its line and declaration.</summary>
    internal static List<string> Breaches(Abi abi)
    {
        var breaches = new List<string>();
        foreach (Constant constant in abi.Constants)
        {
            Check(breaches, constant.Line, constant.Name, ConstantBreaches(constant));
        }

        foreach (Handle handle in abi.Handles)
        {
            Check(breaches, handle.Line, handle.Name, HandleBreaches(abi, handle));
        }

        foreach (Struct type in abi.Structs)
        {
            Check(breaches, type.Line, type.Name, StructBreaches(abi, type));
            foreach (Field field in type.Fields)
            {
                Check(breaches, field.Line, $"{type.Name}.{field.Name}", FieldBreaches(type, field));
            }
        }

        foreach (Callback callback in abi.Callbacks)
        {
            Check(breaches, callback.Line, callback.Name, CallbackBreaches(abi, callback));
        }

        foreach (Function function in abi.Functions)
        {
            Check(breaches, function.Line, function.Name, FunctionBreaches(abi, function));
        }

        foreach (string missing in VersionConstants.Where(name => abi.Constants.All(constant => constant.Name != name)))
        {
            breaches.Add($"{missing} is missing: bindings check it.");
        }

        return breaches;
    }

    private static void Check(List<string> breaches, int line, string name, IEnumerable<string> found) =>
        breaches.AddRange(found.Select(breach => $"line {line}: {name} {breach}"));

    private static IEnumerable<string> ConstantBreaches(Constant constant)
    {
        if (!constant.Name.StartsWith("WTRT_", StringComparison.Ordinal))
        {
            yield return "does not begin with WTRT_.";
        }

        if (constant.Doc is null)
        {
            yield return "has no doc comment on the line above.";
        }

        if (constant.Value is < int.MinValue or > int.MaxValue)
        {
            yield return "does not fit in int32_t.";
        }
    }

    private static IEnumerable<string> HandleBreaches(Abi abi, Handle handle)
    {
        if (handle.Doc is null)
        {
            yield return "has no doc comment.";
        }

        Function? release = abi.Functions.FirstOrDefault(function => function.Name == handle.ReleaseFunction);
        if (release is null)
        {
            yield return $"is a handle without {handle.ReleaseFunction}().";
        }
    }

    private static IEnumerable<string> StructBreaches(Abi abi, Struct type)
    {
        if (!type.Name.StartsWith("wtrt_", StringComparison.Ordinal))
        {
            yield return "does not begin with wtrt_.";
        }

        if (type.Doc is null)
        {
            yield return "has no doc comment.";
        }

        if (type.Fields[0] is not { Name: "struct_size", Type: Scalar { Name: "uint32_t" } })
        {
            yield return "does not begin with `uint32_t struct_size`.";
        }

        int end = type.Fields[^1].Offset + type.Fields[^1].Size;
        if (end != type.Size)
        {
            yield return $"ends in {type.Size - end} bytes of padding: an appended field would lie inside the struct_size of today. Add a reserved field.";
        }

        if (type.Name.EndsWith("_options", StringComparison.Ordinal) && abi.Functions.All(function => function.Name != type.Name + "_init"))
        {
            yield return $"is an option struct without {type.Name}_init().";
        }

        foreach (string breach in UnsizedTexts([.. type.Fields.Select(field => (field.Name, field.Type))]))
        {
            yield return breach;
        }
    }

    private static IEnumerable<string> FieldBreaches(Struct type, Field field)
    {
        if (field.Doc is null && DocComment.ByConvention(type, field) is null)
        {
            yield return "has no doc comment.";
        }

        bool allowed = field.Type switch
        {
            Scalar scalar => FieldScalars.Contains(scalar.Name),
            Pointer { PointeeIsConst: true, Pointee: Scalar scalar } => PointedScalars.Contains(scalar.Name),
            Pointer { PointeeIsConst: true, Pointee: StructType } => true,
            _ => false,
        };
        if (!allowed)
        {
            yield return $"is of type {field.Type.Spelling}; fields are {string.Join(", ", FieldScalars)} or pointers to const data.";
        }
    }

    private static IEnumerable<string> CallbackBreaches(Abi abi, Callback callback)
    {
        if (abi.Callbacks.Count > 1)
        {
            yield return "is one callback too many: events arrive in queues, only the log sink is called back.";
        }

        if (callback.Doc is null)
        {
            yield return "has no doc comment.";
        }

        if (callback.Result is not Scalar { Name: "void" })
        {
            yield return "returns something.";
        }

        foreach (string breach in ParameterBreaches(callback.Parameters))
        {
            yield return breach;
        }
    }

    private static IEnumerable<string> FunctionBreaches(Abi abi, Function function)
    {
        if (!function.Name.StartsWith("wtrt_", StringComparison.Ordinal))
        {
            yield return "does not begin with wtrt_.";
        }

        // What _retain and _release of a handle do is said once, at the head of the header.
        bool conventional = (function.IsRelease || function.IsRetain)
            && abi.Handles.Any(handle => function.Name == handle.Name + "_release" || function.Name == handle.Name + "_retain");
        if (function.Doc is null && !conventional)
        {
            yield return "has no doc comment.";
        }

        if (!function.ReturnsError)
        {
            foreach (string breach in InfallibleBreaches(abi, function))
            {
                yield return breach;
            }
        }

        foreach (string breach in ParameterBreaches(function.Parameters).Concat(
            UnsizedTexts([.. function.Parameters.Select(parameter => (parameter.Name, parameter.Type))])))
        {
            yield return breach;
        }
    }

    /// <summary>A function that returns no error must be one that cannot fail: nothing to report but through its plain result.</summary>
    private static IEnumerable<string> InfallibleBreaches(Abi abi, Function function)
    {
        bool init = function.IsInit && function.Parameters is [{ Type: Pointer { PointeeIsConst: false, Pointee: StructType type } }, { Type: Scalar { Name: "uint32_t" } }]
            && function.Name == type.Name + "_init";
        bool onlyHandle = function.Parameters.Count <= 1 && function.Parameters.All(parameter =>
            parameter.Type is Pointer { Pointee: HandleType } || (parameter.Type is Pointer { Pointee: StructType owned } && abi.IsOwned(owned.Name)));
        bool plain = function.Result is Scalar { Name: "void" or "int32_t" or "uint32_t" or "int64_t" } or Pointer { PointeeIsConst: true, Pointee: Scalar { Name: "char" } };
        if (!plain || !(init || onlyHandle))
        {
            yield return $"returns {function.Result.Spelling} though it can fail: return wtrt_error* and hand results out by pointer.";
        }
        else if (init && function.Result is not Scalar { Name: "void" })
        {
            yield return "is an _init that returns something.";
        }
    }

    private static IEnumerable<string> ParameterBreaches(IReadOnlyList<Parameter> parameters)
    {
        foreach (Parameter parameter in parameters)
        {
            if (parameter.Name.Length == 0)
            {
                yield return "has a parameter without a name.";
            }

            bool allowed = parameter.Type switch
            {
                Scalar scalar => FieldScalars.Contains(scalar.Name),
                CallbackType => true,
                Pointer { Pointee: Pointer { Pointee: Scalar scalar } } => PointedScalars.Contains(scalar.Name),
                Pointer { Pointee: Pointer { Pointee: HandleType or StructType } } => true,
                Pointer { Pointee: Scalar scalar } => PointedScalars.Contains(scalar.Name),
                Pointer { Pointee: HandleType or StructType } => true,
                _ => false,
            };
            if (!allowed)
            {
                yield return $"takes {parameter.Name} of type {parameter.Type.Spelling}; fixed-width numbers and pointers cross this boundary.";
            }
        }
    }

    /// <summary>`const char* x` is followed by its `int64_t` size: `size`, or x's name and `_size`.</summary>
    private static IEnumerable<string> UnsizedTexts(IReadOnlyList<(string Name, CType Type)> members)
    {
        for (int i = 0; i < members.Count; i++)
        {
            (string name, CType type) = members[i];
            if (type is not Pointer { PointeeIsConst: true, Pointee: Scalar { Name: "char" } })
            {
                continue;
            }

            bool sized = i + 1 < members.Count && members[i + 1].Type is Scalar { Name: "int64_t" }
                && (members[i + 1].Name == "size" || members[i + 1].Name == name + "_size");
            if (!sized)
            {
                yield return $"has the text {name} without an int64_t size after it.";
            }
        }
    }
}
