using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace WhisperTrt.Generator;

/// <summary>The few functions of libclang's C interface that reading one header takes.</summary>
internal static unsafe partial class LibClang
{
    private const string Library = "libclang";

    /// <summary>Keeps macros and their definitions in the tree.</summary>
    internal const uint DetailedPreprocessingRecord = 1;

    [StructLayout(LayoutKind.Sequential)]
    internal struct Cursor
    {
        public CursorKind Kind;
        public int XData;
        public nint Data0, Data1, Data2;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Type
    {
        public TypeKind Kind;
        public nint Data0, Data1;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct String
    {
        public nint Data;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SourceLocation
    {
        public nint Data0, Data1;
        public uint Offset;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SourceRange
    {
        public nint Data0, Data1;
        public uint Begin, End;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Token
    {
        public uint Data0, Data1, Data2, Data3;
        public nint Data4;
    }

    internal enum CursorKind
    {
        StructDecl = 2,
        UnionDecl = 3,
        EnumDecl = 5,
        FieldDecl = 6,
        FunctionDecl = 8,
        VarDecl = 9,
        ParmDecl = 10,
        TypedefDecl = 20,
        CompoundStmt = 202,
        MacroDefinition = 501,
        MacroExpansion = 502,
        InclusionDirective = 503,
    }

    internal enum TypeKind
    {
        Void = 2,
        CharU = 4,
        CharS = 13,
        Float = 21,
        Double = 22,
        Pointer = 101,
        Record = 105,
        Typedef = 107,
        FunctionProto = 111,
        Elaborated = 119,
    }

    [LibraryImport(Library, EntryPoint = "clang_createIndex")]
    internal static partial nint CreateIndex(int excludeDeclarationsFromPch, int displayDiagnostics);

    [LibraryImport(Library, EntryPoint = "clang_disposeIndex")]
    internal static partial void DisposeIndex(nint index);

    [LibraryImport(Library, EntryPoint = "clang_parseTranslationUnit2")]
    internal static partial int ParseTranslationUnit(
        nint index, byte* fileName, byte** arguments, int argumentCount, nint unsavedFiles, uint unsavedFileCount, uint options, nint* unit);

    [LibraryImport(Library, EntryPoint = "clang_disposeTranslationUnit")]
    internal static partial void DisposeTranslationUnit(nint unit);

    [LibraryImport(Library, EntryPoint = "clang_getNumDiagnostics")]
    internal static partial uint GetNumDiagnostics(nint unit);

    [LibraryImport(Library, EntryPoint = "clang_getDiagnostic")]
    internal static partial nint GetDiagnostic(nint unit, uint index);

    [LibraryImport(Library, EntryPoint = "clang_formatDiagnostic")]
    internal static partial String FormatDiagnostic(nint diagnostic, uint options);

    [LibraryImport(Library, EntryPoint = "clang_disposeDiagnostic")]
    internal static partial void DisposeDiagnostic(nint diagnostic);

    [LibraryImport(Library, EntryPoint = "clang_getTranslationUnitCursor")]
    internal static partial Cursor GetTranslationUnitCursor(nint unit);

    [LibraryImport(Library, EntryPoint = "clang_visitChildren")]
    internal static partial uint VisitChildren(Cursor parent, delegate* unmanaged[Cdecl]<Cursor, Cursor, nint, int> visitor, nint data);

    [LibraryImport(Library, EntryPoint = "clang_getCursorSpelling")]
    internal static partial String GetCursorSpelling(Cursor cursor);

    [LibraryImport(Library, EntryPoint = "clang_Cursor_getRawCommentText")]
    internal static partial String GetRawCommentText(Cursor cursor);

    [LibraryImport(Library, EntryPoint = "clang_getCursorLocation")]
    internal static partial SourceLocation GetCursorLocation(Cursor cursor);

    [LibraryImport(Library, EntryPoint = "clang_Location_isFromMainFile")]
    internal static partial int IsFromMainFile(SourceLocation location);

    [LibraryImport(Library, EntryPoint = "clang_getExpansionLocation")]
    internal static partial void GetExpansionLocation(SourceLocation location, nint* file, uint* line, uint* column, uint* offset);

    [LibraryImport(Library, EntryPoint = "clang_getCursorExtent")]
    internal static partial SourceRange GetCursorExtent(Cursor cursor);

    [LibraryImport(Library, EntryPoint = "clang_tokenize")]
    internal static partial void Tokenize(nint unit, SourceRange range, Token** tokens, uint* count);

    [LibraryImport(Library, EntryPoint = "clang_getTokenSpelling")]
    internal static partial String GetTokenSpelling(nint unit, Token token);

    [LibraryImport(Library, EntryPoint = "clang_disposeTokens")]
    internal static partial void DisposeTokens(nint unit, Token* tokens, uint count);

    [LibraryImport(Library, EntryPoint = "clang_getCursorType")]
    internal static partial Type GetCursorType(Cursor cursor);

    [LibraryImport(Library, EntryPoint = "clang_getTypedefDeclUnderlyingType")]
    internal static partial Type GetTypedefUnderlyingType(Cursor cursor);

    [LibraryImport(Library, EntryPoint = "clang_getTypeDeclaration")]
    internal static partial Cursor GetTypeDeclaration(Type type);

    [LibraryImport(Library, EntryPoint = "clang_getTypeSpelling")]
    internal static partial String GetTypeSpelling(Type type);

    [LibraryImport(Library, EntryPoint = "clang_getPointeeType")]
    internal static partial Type GetPointeeType(Type type);

    [LibraryImport(Library, EntryPoint = "clang_getResultType")]
    internal static partial Type GetResultType(Type type);

    [LibraryImport(Library, EntryPoint = "clang_isFunctionTypeVariadic")]
    internal static partial uint IsVariadic(Type type);

    [LibraryImport(Library, EntryPoint = "clang_isConstQualifiedType")]
    internal static partial uint IsConst(Type type);

    [LibraryImport(Library, EntryPoint = "clang_Type_getSizeOf")]
    internal static partial long GetSizeOf(Type type);

    [LibraryImport(Library, EntryPoint = "clang_Type_getAlignOf")]
    internal static partial long GetAlignOf(Type type);

    [LibraryImport(Library, EntryPoint = "clang_Cursor_getOffsetOfField")]
    internal static partial long GetOffsetOfFieldInBits(Cursor field);

    [LibraryImport(Library, EntryPoint = "clang_Cursor_isMacroFunctionLike")]
    internal static partial uint IsMacroFunctionLike(Cursor cursor);

    [LibraryImport(Library, EntryPoint = "clang_getCString")]
    private static partial nint GetCString(String text);

    [LibraryImport(Library, EntryPoint = "clang_disposeString")]
    private static partial void DisposeString(String text);

    /// <summary>The managed text of a libclang string, which is freed; null where libclang has none.</summary>
    internal static string? Take(String text)
    {
        string? managed = Marshal.PtrToStringUTF8(GetCString(text));
        DisposeString(text);
        return managed;
    }

    /// <summary>The direct children of a cursor.</summary>
    internal static List<Cursor> Children(Cursor parent)
    {
        var children = new List<Cursor>();
        GCHandle handle = GCHandle.Alloc(children);
        try
        {
            _ = VisitChildren(parent, &Visit, GCHandle.ToIntPtr(handle));
        }
        finally
        {
            handle.Free();
        }

        return children;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Visit(Cursor cursor, Cursor parent, nint data)
    {
        ((List<Cursor>)GCHandle.FromIntPtr(data).Target!).Add(cursor);
        return 1; // CXChildVisit_Continue: on to the next sibling
    }

    /// <summary>Lets <c>LIBCLANG_PATH</c> (a file or a folder) and then the usual names find the library.</summary>
    internal static void UseResolver() => NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Library)
        {
            return 0;
        }

        List<string> candidates = Candidates().ToList();
        foreach (string candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out nint handle))
            {
                return handle;
            }
        }

        throw new GeneratorException(
            "libclang was not found. Install it (Debian: apt-get install libclang1-14) or name the file or its folder in LIBCLANG_PATH. " +
            "Tried: " + string.Join(", ", candidates));
    }

    private static IEnumerable<string> Candidates()
    {
        string? given = Environment.GetEnvironmentVariable("LIBCLANG_PATH");
        if (!string.IsNullOrEmpty(given))
        {
            if (!Directory.Exists(given))
            {
                yield return given;
                yield break; // a file named outright is what is meant; anything else would surprise
            }

            foreach (string name in new[] { "libclang.so.1", "libclang.so", "libclang.dylib", "libclang.dll" })
            {
                yield return Path.Combine(given, name);
            }
        }

        for (int version = 14; version <= 21; version++)
        {
            yield return $"libclang-{version}.so.1";
            yield return $"/usr/lib/llvm-{version}/lib/libclang.so.1";
        }

        yield return "libclang.so.1";
        yield return "libclang.so";
        yield return "libclang.dylib";
        yield return "libclang.dll";
    }
}
