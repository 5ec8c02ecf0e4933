# Sourced: finds CUDA's compiler, or brings one.
# shellcheck shell=bash

cuda_toolkit=$root/build/cuda-toolkit
cuda_least=12.4

# nvcc_serves PATH: is it a compiler of a version that will do?
nvcc_serves() {
  local version
  [ -x "$1" ] || return 1
  version=$("$1" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')
  [ "$(printf '%s\n' "$cuda_least" "$version" | sort -V | head -n 1)" = "$cuda_least" ]
}

# find_nvcc: prints the path of a compiler; fails where there is none.
find_nvcc() {
  local candidate
  for candidate in "${CUDACXX:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc "$cuda_toolkit/bin/nvcc"; do
    if [ -n "$candidate" ] && nvcc_serves "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# need_nvcc: sets CUDACXX; brings a private compiler (a gigabyte of downloads, nothing installed) where there is none.
need_nvcc() {
  if ! CUDACXX=$(find_nvcc); then
    say "bringing CUDA's compiler into $cuda_toolkit"
    "$root/tools/get-cuda.sh" "$cuda_toolkit" || return 1
    CUDACXX=$cuda_toolkit/bin/nvcc
  fi
  export CUDACXX
}
