# Sourced: puts artifacts/ together, each part only when something it is made of is newer than the part.
# shellcheck shell=bash

cli_project=$root/src/WhisperTrt.Cli/WhisperTrt.Cli.csproj

# newer_than STAMP PATH...: is any file or folder under these newer than the stamp? Build outputs do not count.
newer_than() {
  local stamp=$1
  shift
  [ ! -e "$stamp" ] ||
    [ -n "$(find "$@" \( -name bin -o -name obj -o -name __pycache__ \) -prune -o -newer "$stamp" -print -quit 2>/dev/null)" ]
}

assemble_native() {
  local stamp=$root/build/assembled-native
  if ! newer_than "$stamp" "$release/lib" "$root/native/include" "$root/cmake" "$root/tools/bundle.sh" "$root/THIRD-PARTY-NOTICES.md" &&
    [ -d "$artifacts/lib" ]; then return; fi
  say "assembling artifacts/lib"
  "$root/tools/bundle.sh" "$release" "$artifacts"
  touch "$stamp"
}

assemble_data() {
  local folder
  mkdir -p "$artifacts/python"
  for folder in models samples; do
    if [ -d "$root/$folder" ]; then cp -ru "$root/$folder" "$artifacts/"; fi
  done
  if [ -d "$root/bindings/python/whispertrt" ]; then
    cp -ru "$root/bindings/python/whispertrt" "$artifacts/python/"
    find "$artifacts/python" "$artifacts/samples" \( -name __pycache__ -o -name bin -o -name obj \) -prune -exec rm -rf {} +
  fi
}

# The command line, compiled ahead of time as far as the runtime allows (ReadyToRun): start-up counts.
assemble_cli() {
  local stamp=$root/build/assembled-cli
  if ! newer_than "$stamp" "$root/src" "$root"/Directory.* "$root/tools/assemble.sh" && [ -e "$artifacts/bin/whispertrt" ]; then return; fi
  say "publishing the command line"
  rm -rf "${artifacts:?}/bin"
  dotnet publish "$cli_project" -c Release -r linux-x64 --self-contained false -p:PublishReadyToRun=true \
    -o "$artifacts/bin" -v quiet --nologo </dev/null
  # The .NET host itself needs libstdc++: ours will do, so that the system need not have one.
  patchelf --force-rpath --set-rpath "\$ORIGIN/../lib" "$artifacts/bin/whispertrt"
  ln -sfn bin/whispertrt "$artifacts/whispertrt"
  touch "$stamp"
}

# The module for GPUs, beside the library that opens it.
assemble_cuda() {
  local module=$root/build/cuda/lib/libwhispertrt_cuda.so
  cp -u "$module" "$artifacts/lib/"
  say "libwhispertrt_cuda.so: $(du -m "$module" | cut -f1) MiB"
}

assemble() {
  mkdir -p "$artifacts"
  assemble_native
  assemble_data
  if have_dotnet; then
    assemble_cli
  else
    warn "no .NET SDK 10 here: the native library and the Python package are built, the C# library and the command line are not"
  fi
}
