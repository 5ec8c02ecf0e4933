# Sourced: configures and builds the native parts. Ninja decides what is out of date.
# shellcheck shell=bash

# configure PRESET: only where the build folder is not yet what the preset asks for; later changes are CMake's own affair.
configure() {
  local preset=$1 folder=$2
  if [ -f "$folder/build.ninja" ] && [ "$(cat "$folder/.preset" 2>/dev/null)" = "$preset" ]; then return; fi
  say "configuring $preset"
  (cd "$root" && cmake --preset "$preset" >"$folder.log" 2>&1) || { cat "$folder.log"; die "CMake failed for preset $preset"; }
  printf '%s\n' "$preset" >"$folder/.preset"
}

# compile FOLDER TARGET...: no target means all.
compile() {
  local folder=$1
  shift
  ninja -C "$folder" -j "$jobs" "$@" | grep --line-buffered -v -e '^ninja: Entering' -e '^ninja: no work' || [ "${PIPESTATUS[0]}" = 0 ]
}

# build_native: the library alone. A folder that already has the tests keeps them.
build_native() {
  mkdir -p "$root/build"
  if [ "$(cat "$release/.preset" 2>/dev/null)" != ci ]; then configure release "$release"; fi
  compile "$release" whispertrt
}

# build_native_all: library, tests and benches, in the same folder.
build_native_all() {
  mkdir -p "$root/build"
  configure ci "$release"
  compile "$release"
}

build_preset() {
  mkdir -p "$root/build"
  configure "$1" "$root/build/$1"
  compile "$root/build/$1" "${@:2}"
}
