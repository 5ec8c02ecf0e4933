#!/usr/bin/env bash
# The one entry: builds, tests and runs WhisperTrt on Debian 12. `./build.sh help` lists the verbs.
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/tools/common.sh"
# shellcheck source=tools/dependencies.sh
. "$root/tools/dependencies.sh"
# shellcheck source=tools/native.sh
. "$root/tools/native.sh"
# shellcheck source=tools/assemble.sh
. "$root/tools/assemble.sh"
# shellcheck source=tools/cuda.sh
. "$root/tools/cuda.sh"

usage() {
  cat <<'END'
usage: ./build.sh VERB [ARGUMENTS]

  build [--cuda]        the library, its modules, the command line and the bindings, into artifacts/; --cuda: with the module for
                        NVIDIA GPUs, whose compiler is found or brought into build/
  generate [--check]    the C# and Python bindings from whispertrt.h; --check only says whether they are up to date
  test [SUITE...]       every suite, or these: native abi python golden dotnet house gpu asan fuzz
  run [--] ARGUMENTS    the command line, e.g.  ./build.sh run -- transcribe samples/reader.flac
  bench [--record] [--whisper-cpp DIR] [NAME...]
                        the programs of bench/; --record writes docs/figures/; DIR holds a whisper.cpp to compare with
  format [--check]      clang-format and dotnet format
  pack                  NuGet packages, Python wheel and a tar of artifacts/, into artifacts/packages/
  clean                 removes build/, artifacts/ and the .NET outputs
  help                  this

Each verb first installs what it needs and the machine lacks, and says so.
END
}

build_and_assemble() {
  need build
  build_native
  assemble
}

verb_build() {
  case ${1:-} in
    "" | --cuda) ;;
    *) die "build: there is no '$1'; --cuda is all it takes" ;;
  esac
  build_and_assemble
  if [ "${1:-}" = --cuda ]; then
    need_nvcc || die "build --cuda needs nvcc $cuda_least or later"
    build_preset cuda whispertrt_cuda
    assemble_cuda
  fi
}

verb_generate() {
  need generate
  if ! have_dotnet; then die "the generator is a C# program: install the .NET SDK 10"; fi
  dotnet run --project "$root/bindings/generator" -c Release -- --root "$root" "$@"
}

verb_test() {
  exec "$root/tools/test.sh" "$@"
}

verb_run() {
  if [ "${1:-}" = -- ]; then shift; fi
  build_and_assemble >&2
  if [ ! -x "$artifacts/whispertrt" ]; then die "the command line needs the .NET SDK 10"; fi
  exec "$artifacts/whispertrt" "$@"
}

verb_bench() {
  need build test bench
  build_native_all
  assemble
  exec "$python" "$root/tools/bench.py" "$@"
}

verb_format() {
  local check=()
  if [ "${1:-}" = --check ]; then check=(--dry-run --Werror); fi
  need format
  git -C "$root" ls-files -z 'native/*.[ch]' 'native/*.[ch]pp' 'native/*.cu' 'native/*.cuh' 'tests/*.cu' 'tests/*.cpp' 'tests/*.hpp' 'bench/*.cpp' 'samples/*.c' 'samples/*.cpp' |
    (cd "$root" && xargs -0 clang-format-14 "${check[@]:--i}")
  if have_dotnet; then
    dotnet format "$root/WhisperTrt.slnx" ${check:+--verify-no-changes} </dev/null
  fi
}

verb_pack() {
  need pack
  build_and_assemble
  exec "$root/tools/pack.sh" "$@"
}

verb_clean() {
  rm -rf "$root/build" "$artifacts"
  find "$root/src" "$root/bindings" "$root/tests" "$root/samples" -type d \( -name bin -o -name obj \) \
    -prune -exec rm -rf {} + 2>/dev/null || true
}

main() {
  local verb=${1:-help}
  shift || true
  case $verb in
    build | generate | test | run | bench | format | pack | clean) "verb_$verb" "$@" ;;
    help | -h | --help) usage ;;
    *)
      usage >&2
      die "there is no verb '$verb'"
      ;;
  esac
}

main "$@"
