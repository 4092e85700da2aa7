#!/usr/bin/env bash
# Starts tiny teacher trainings again and again, each with an empty cache, three at a time on two cores, and counts those
# that hang: a start opens libraries and starts threads, the first pictures open fonts, and what blocks there blocks once
# in hundreds of starts.
#
# Usage: bench/starts.sh [STARTS [SECONDS]]    500 starts, of which each may take 300 s
# Exit code 1 if one hung or failed; what its threads were at is kept in the folder that is named then.
set -u
starts=${1:-500} patience=${2:-300} together=3
home=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 2
work=$(mktemp -d) || exit 2
"$home/peltast" --version >/dev/null || exit 2 # builds what is not built

# What all threads of a process are at; tools that are not here are passed over.
stacks() {
  timeout 60 jstack "$1" 2>&1
  timeout 60 gdb -p "$1" -batch -nx -ex 'thread apply all backtrace' 2>&1
  local task
  for task in /proc/"$1"/task/*; do
    printf '%s %s %s\n' "$task" "$(cat "$task/comm" 2>/dev/null)" "$(cat "$task/wchan" 2>/dev/null)"
    cat "$task/stack" 2>/dev/null
  done
}

start() {
  local folder=$work/$1 pid waited=0
  mkdir "$folder"
  PELTAST_CACHE=$folder/cache PELTAST_JAVA_OPTS="-XX:TieredStopAtLevel=1 -Djava.io.tmpdir=$folder" \
    "$home/peltast" train teacher --out "$folder/run" --set data.size=16 --set data.limit=6 --set model.codec=pixels \
    --set model.patch=4 --set model.dim=16 --set model.layers=1 --set model.heads=1 --set 'model.axesDims=[8, 4, 4]' \
    --set precision=float32 --set run.updates=2 --set run.batch=4 --set run.looksEvery=2 --set run.checkpointEvery=0s \
    >"$folder/said" 2>&1 &
  pid=$! # the launcher becomes the JVM
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$waited" -ge "$patience" ]; then
      stacks "$pid" >"$folder/stacks" 2>&1
      kill -9 "$pid"
      wait "$pid" 2>/dev/null
      echo hung >"$folder/end"
      return
    fi
    sleep 1
    waited=$((waited + 1))
  done
  if wait "$pid"; then rm -rf "$folder"; else echo failed >"$folder/end"; fi
}

command -v taskset >/dev/null && taskset -pc 0,1 $$ >/dev/null
for ((i = 1; i <= starts; i++)); do
  while [ "$(jobs -rp | wc -l)" -ge "$together" ]; do wait -n; done
  start "$i" &
  if [ $((i % 20)) -eq 0 ]; then printf '%d of %d begun\n' "$i" "$starts" >&2; fi
done
wait
hung=$(cat "$work"/*/end 2>/dev/null | grep -c hung)
failed=$(cat "$work"/*/end 2>/dev/null | grep -c failed)
printf '%d starts: %d hung, %d failed\n' "$starts" "$hung" "$failed"
if [ "$hung" -eq 0 ] && [ "$failed" -eq 0 ]; then rm -rf "$work"; else
  printf 'what they said, and what their threads were at: %s\n' "$work"
  exit 1
fi
