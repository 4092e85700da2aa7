#!/usr/bin/env bash
# Loads a sharded checkpoint of about 2 GB of random weights, in turns with PyTorch's load_file and load_state_dict, each
# time in a fresh process and with the files in the page cache, and says the ratios of times and of memory.
#
# Usage: bench/load.sh PYTHON [ROUNDS]    a Python with torch and safetensors; 7 rounds
set -eu
python=$1 rounds=${2:-7}
home=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
class=org.peltast.bench.LoadBenchmark
"$home/peltast" --version >/dev/null # builds what is not built
ours() {
  OMP_WAIT_POLICY=passive java --add-modules jdk.incubator.vector -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 \
    -Dorg.bytedeco.javacpp.maxBytes=0 -Dorg.bytedeco.javacpp.noPointerGC=true \
    -cp "${PELTAST_CLASSPATH:-$(<"$home/cli/target/launch/classpath")}" $class "$@" 2>/dev/null
}
ours write "$work/model"
cat "$work"/model/* >/dev/null
for _ in $(seq "$rounds"); do
  ours load "$work/model" | sed 's/^/peltast /'
  "$python" "$home/bench/peer/load.py" "$work/model" | sed 's/^/pytorch /'
done | tee "$work/all"
awk '
  { t[$1, ++n[$1]] = $3; w = $5; if ($7 > a[$1]) a[$1] = $7; if ($9 > f[$1]) f[$1] = $9 }
  function median(who, m, i, j, v, s) {
    m = n[who]
    for (i = 1; i <= m; i++) s[i] = t[who, i]
    for (i = 2; i <= m; i++) { v = s[i]; for (j = i - 1; j > 0 && s[j] > v; j--) s[j + 1] = s[j]; s[j + 1] = v }
    return s[int((m + 1) / 2)]
  }
  END {
    for (who in n)
      printf "%s: median %.3f s; most memory of its own %.3f x weights, pages of files %.3f x\n", who, median(who), a[who] / w, f[who] / w
    printf "time ratio %.3f\n", median("peltast") / median("pytorch")
  }' "$work/all"
