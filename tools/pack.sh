#!/usr/bin/env bash
# Makes what is handed to others out of artifacts/: two NuGet packages, a Python wheel and a tar. They carry the native
# libraries of lib/ with their notices (WhisperTrt.Extensions.AI gets them by WhisperTrt.Net); the tar also has the command line, the headers, the samples and the model.
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/dependencies.sh
. "$root/tools/dependencies.sh"

output=$artifacts/packages

pack_nuget() {
  if ! have_dotnet; then
    warn "no .NET SDK 10 here: no NuGet packages"
    return
  fi
  dotnet pack "$root/src/WhisperTrt.Net/WhisperTrt.Net.csproj" -c Release \
    -p:NativeArtifacts="$artifacts" -o "$output" -v quiet --nologo </dev/null
  dotnet pack "$root/src/WhisperTrt.Extensions.AI/WhisperTrt.Extensions.AI.csproj" -c Release -o "$output" -v quiet --nologo </dev/null
}

pack_wheel() {
  "$python" "$root/tools/make_wheel.py" "$artifacts" "$output"
}

pack_tar() {
  local version=$1 name=whispertrt-$1-linux-x64
  tar -C "$artifacts" --exclude=./packages --transform "s,^\.,$name," --sort=name --owner=0 --group=0 --numeric-owner \
    -czf "$output/$name.tar.gz" .
}

main() {
  local version
  version=$(sed -n 's/^project(whispertrt VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
  rm -rf "$output"
  mkdir -p "$output"
  pack_nuget
  pack_wheel
  pack_tar "$version"
  (cd "$output" && ls -lh)
}

main "$@"
