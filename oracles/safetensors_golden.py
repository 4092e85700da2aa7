"""Golden files of the format itself: the reference library's own bytes, which the Java writer must repeat.

python safetensors_golden.py            writes them
python safetensors_golden.py FILE...    reads files of ours with the reference library, and writes them again: same bytes

Byte i of the values of tensor NAME is (37 i + 11 length(NAME in UTF-8)) mod 256; of booleans its lowest bit. No file has more than
one metadata entry, because the library's order of several changes from run to run.
"""

import json
import shutil
import sys

import golden
import numpy as np
import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import TensorSpec, deserialize, safe_open, serialize
from safetensors.torch import save, save_file

OUT = golden.golden_folder("safetensors")

TYPES = """bool uint8 int8 float8_e5m2 float8_e4m3fn float8_e8m0fnu float8_e4m3fnuz float8_e5m2fnuz float4_e2m1fn_x2 int16 uint16 float16
bfloat16 int32 uint32 float32 complex64 float64 int64 uint64""".split()
CODES = dict(zip(
    """BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ F4 I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64""".split(),
    TYPES,
))


def tensor(name, dtype, *shape):
    dtype = getattr(torch, dtype)
    size = torch.Size(shape).numel() * dtype.itemsize
    values = (37 * torch.arange(size) + 11 * len(name.encode())) % 256
    values = values % 2 if dtype == torch.bool else values
    return values.to(torch.uint8).view(dtype).reshape(shape)


def tensors(*entries):
    return {name: tensor(name, dtype, *shape) for name, dtype, *shape in entries}


def write(name, values, metadata=None):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_bytes(save(values, metadata))
    print(name, (OUT / name).stat().st_size)


def write_sharded(folder, values, max_shard_size):
    """As diffusers and transformers save a model: the hub's split, their index."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    split = split_torch_state_dict_into_shards(
        values, filename_pattern="model{suffix}.safetensors", max_shard_size=max_shard_size
    )
    for name, names in split.filename_to_tensors.items():
        save_file({k: values[k] for k in names}, folder / name, {"format": "pt"})
    index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    print(folder.name, sorted(p.name for p in folder.iterdir()))


def judge(path):
    """Opens a file of ours and serialises what was read: equal bytes mean that the layout is the library's own."""
    data = open(path, "rb").read()
    with safe_open(path, "pt") as f:
        metadata = f.metadata()
    held = dict(deserialize(data))
    skipped = sorted({v["dtype"] for v in held.values()} - set(CODES))
    if skipped:
        print(f"{path}: {len(held)} tensors read; the library has no way to write {skipped}")
        return
    kept = {k: np.frombuffer(bytes(v["data"]) or b"\0", np.uint8) for k, v in held.items()}
    specs = {}
    for name, v in held.items():
        dtype, shape = CODES[v["dtype"]], list(v["shape"])
        if v["dtype"] == "F4":  # given as it is stored: two in a byte
            shape[-1] //= 2
        specs[name] = TensorSpec(dtype=dtype, shape=shape, data_ptr=kept[name].ctypes.data, data_len=len(v["data"]))
    again = serialize(specs, metadata)
    several = len(metadata or {}) > 1  # then their order is chance, and their place alone can be compared
    same = len(again) == len(data) and sorted(again) == sorted(data) if several else again == data
    print(f"{path}: {len(held)} tensors read, written again {'with the same bytes' if same else 'DIFFERENTLY'}")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for argument in sys.argv[1:]:
            judge(argument)
        sys.exit()
    write("types.safetensors", tensors(*[(f"t.{t}", t, 2, 4) for t in TYPES]), {"format": "pt"})
    write("empty.safetensors", {})
    write("shapes.safetensors", tensors(("scalar", "float32"), ("none", "int64", 0), ("hollow", "float16", 2, 0, 3),
                                        ("odd", "uint8", 3), ("deep", "float32", 1, 2, 1, 2, 1), ("one", "bool", 1)))
    names = ["", " ", "a", "a.b", "B", "é", "ｅ", "\U0001d400", "\ue000", "\"\\/", "\b\f\n\r\t", "\0\x1f\x7f", "\u2028", "data_offsets"]
    write("names.safetensors", tensors(*[(n, "uint8", i + 1) for i, n in enumerate(names)]), {"ключ \"\\/\n\x01": "値 \U0001f600 \u2029 \x7f"})
    write_sharded(OUT / "sharded", tensors(("z.weight", "float32", 2, 3), ("a.weight", "bfloat16", 5), ("large.weight", "float32", 40),
                                           ("é", "int64", 2), ("tail", "bool", 3), ("b.weight", "float32", 8)), 56)
