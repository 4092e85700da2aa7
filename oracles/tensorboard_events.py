"""Reads a run's event files with TensorBoard itself and compares them with its metrics.jsonl.

    python oracles/tensorboard_events.py RUN

Every number of the log must be there as a scalar of the same name, once, at the same update, also after
the run was resumed; every picture must open with the size that its event states.
"""

import io
import json
import math
import pathlib
import sys

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = pathlib.Path(sys.argv[1])
events = EventAccumulator(str(run / "events"), size_guidance={"scalars": 0, "images": 0}).Reload()
tags = events.Tags()

found = {
    (tag, event.step): event.value for tag in tags["scalars"] for event in events.Scalars(tag)
}
assert len(found) == sum(len(events.Scalars(tag)) for tag in tags["scalars"]), "an update is there twice"

numbers = 0
for line in (run / "metrics.jsonl").read_text().splitlines():
    figures = json.loads(line)
    update = figures.pop("update")
    for name, value in figures.items():
        if isinstance(value, bool) or value not in ("NaN", "Infinity", "-Infinity") and isinstance(value, str):
            continue
        if isinstance(value, list):
            continue
        got = found.pop((name, update))
        value = float(value)
        assert got == value or math.isnan(got) and math.isnan(value) or math.isclose(got, value, rel_tol=1e-6), (
            name, update, got, value)
        numbers += 1
assert not found, f"not in the log: {sorted(found)[:5]}"

pictures = 0
for tag in tags["images"]:
    for event in events.Images(tag):
        size = Image.open(io.BytesIO(event.encoded_image_string)).size
        assert size == (event.width, event.height), (tag, event.step, size)
        pictures += 1
print(f"{numbers} numbers and {pictures} pictures agree")
