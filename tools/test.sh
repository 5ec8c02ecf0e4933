#!/usr/bin/env bash
# Runs the suites and sums them up. Each program of a suite leaves a report and its exit code in build/reports; the sum is
# made from these alone (tools/count_tests.py), so that a program that dies without a report counts as a failure.
# Two lanes of suites run side by side; what a suite says is shown when it has ended.
# usage: tools/test.sh [SUITE...]
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/dependencies.sh
. "$root/tools/dependencies.sh"
# shellcheck source=tools/native.sh
. "$root/tools/native.sh"
# shellcheck source=tools/assemble.sh
. "$root/tools/assemble.sh"
# shellcheck source=tools/cuda.sh
. "$root/tools/cuda.sh"

all_suites=(native abi python golden dotnet house gpu asan fuzz)
# These run in a lane of their own beside the others, which takes about as long. Those that build .NET projects stay together: they
# share the folders these are built in.
second_lane=(python asan fuzz)
reports=$root/build/reports
program_seconds=1200 # no program of a suite may take longer

# A child's core dump is of no use to the report, and its size may fill the disk.
ulimit -c 0

# report SUITE NAME COMMAND...: runs it with $report, the path without extension where it shall leave its report.
report() {
  local suite=$1 name=$2 code=0
  shift 2
  mkdir -p "$reports/$suite"
  timeout --foreground --kill-after 10 "$program_seconds" "$@" </dev/null || code=$?
  printf '%s\n' "$code" >"$reports/$suite/$name.exit"
}

skip() { # SUITE REASON
  mkdir -p "$reports/$1"
  printf '%s\n' "$2" >"$reports/$1/all.skip"
}

# failed SUITE WHAT: for what fails before there is a test program, such as a build.
failed() {
  mkdir -p "$reports/$1"
  printf '1\n' >"$reports/$1/$2.exit"
}

run_gtests() { # SUITE FOLDER [PREFIX]: the programs whose names begin with test_ and the prefix
  local program name
  for program in "$2"/bin/test_"${3:-}"*; do
    name=$(basename "$program")
    say "$1: $name"
    report "$1" "$name" "$program" --gtest_brief=1 --gtest_output="xml:$reports/$1/$name.xml"
  done
}

run_pytest() { # SUITE FOLDER
  say "$1: pytest $2"
  report "$1" pytest env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/bindings/python" \
    "$python" -m pytest -q -p no:cacheprovider --junitxml "$reports/$1/pytest.xml" "$root/$2"
}

suite_native() { run_gtests native "$release"; }

suite_asan() {
  if ! (build_preset asan); then
    failed asan build
    return
  fi
  # Odd allocation sizes are what hostile input asks for: they must come back as errors, not end the program.
  ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    run_gtests asan "$root/build/asan"
}

suite_abi() { run_pytest abi tests/abi; }
suite_python() { run_pytest python tests/python; }
suite_golden() { run_pytest golden tests/golden; }
suite_house() { run_pytest house tests/house; }

suite_dotnet() {
  local project name
  if ! have_dotnet; then
    skip dotnet "no .NET SDK 10 on this machine"
    return
  fi
  for project in "$root"/tests/dotnet/*/*.csproj; do
    name=$(basename "$project" .csproj)
    say "dotnet: $name"
    report dotnet "$name" dotnet test "$project" -c Release --nologo -v quiet \
      --results-directory "$reports/dotnet" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal"
  done
}

# The module for GPUs, compiled for the oldest and the newest of them; its tests, as far as this machine has a GPU.
suite_gpu() {
  if ! need_nvcc; then
    skip gpu "no nvcc $cuda_least or later here, and none could be brought"
    return
  fi
  if ! (build_preset gpu gpu_tests whispertrt_cuda); then
    failed gpu build
    return
  fi
  run_gtests gpu "$root/build/gpu" gpu_
  run_pytest gpu tests/gpu
}

suite_fuzz() {
  if ! (build_preset fuzz fuzzers); then
    failed fuzz build
    return
  fi
  run_pytest fuzz tests/fuzz
}

wanted_suites() {
  local suite
  for suite in "$@"; do
    if ! declare -F "suite_$suite" >/dev/null; then die "there is no suite '$suite'; there are: ${all_suites[*]}"; fi
  done
  if [ $# -gt 0 ]; then printf '%s\n' "$@"; else printf '%s\n' "${all_suites[@]}"; fi
}

# run_lane SUITE...: each with a log of its own, so that what two lanes say does not mix.
run_lane() {
  local suite log
  for suite in "$@"; do
    log=$reports/$suite.log
    SECONDS=0
    "suite_$suite" >"$log" 2>&1 || failed "$suite" script
    {
      flock 9
      cat "$log"
      say "$suite took $SECONDS s"
    } 9>>"$reports/.speaker"
  done
}

# run_suites SUITE...: side by side in two lanes.
run_suites() {
  local suite first=() second=() running=()
  for suite in "$@"; do
    if [[ " ${second_lane[*]} " == *" $suite "* ]]; then second+=("$suite"); else first+=("$suite"); fi
  done
  set -m # a process group for each lane: it can be stopped as a whole, and SIGINT keeps its meaning for what it runs
  run_lane "${first[@]}" &
  running+=("$!")
  run_lane "${second[@]}" &
  running+=("$!")
  set +m
  trap 'kill -- "${running[@]/#/-}" 2>/dev/null; exit 130' INT TERM
  wait "${running[0]}" || failed lanes first
  wait "${running[1]}" || failed lanes second
}

main() {
  local suites groups=(build generate test)
  suites=$(wanted_suites "$@")
  if [[ " ${suites//$'\n'/ } " == *" fuzz "* ]]; then groups+=(fuzz); fi
  need "${groups[@]}"
  rm -rf "$reports"
  mkdir -p "$reports"
  trap 'printf "%s\n" "== the build failed" "0 passed, 1 failed"' EXIT
  build_native_all
  assemble
  trap - EXIT
  # shellcheck disable=SC2086 # one word for each suite
  run_suites $suites
  exec "$python" "$root/tools/count_tests.py" "$reports"
}

main "$@"
