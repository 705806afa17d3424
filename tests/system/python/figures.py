# SPDX-License-Identifier: MIT
"""Compares what tests/system/api_figures has collected from the API and from `ergon show`."""
import json
import math

checked = 0


def load(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def expect(what, said, shown, tolerance=0.0):
    global checked
    checked += 1
    if said is None or shown is None:
        assert said is None and shown is None, f"{what}: {said}, not {shown}"
    else:
        assert math.isclose(said, shown, rel_tol=tolerance, abs_tol=0), f"{what}: {said}, not {shown}"


def millionths(value):
    return None if value is None else round(value * 1e6)


def column(matrix, component):
    at = matrix["components"].index(component)
    return [row[at] for row in matrix["values"] if row[at] is not None]


NAMES = {"time_ms": "duration_ms", "energy_mj": "energy_mj"}

for token in (2, 9, 28):
    for metric, key in NAMES.items():
        matrix = load(f"matrix-{metric}-{token}")
        for row in load(f"show-component-{token}"):
            what = f"{metric} of {row['component']} in token {token}"
            if row["component"] == "unattributed":
                expect(what, millionths(matrix["rest"]["unattributed"]), millionths(row[key]))
            else:
                expect(what, millionths(sum(column(matrix, row["component"]))), millionths(row[key]))
        for row in load(f"show-layer-{token}"):
            cells = matrix["values"][matrix["layers"].index(row["layer"])]
            total = sum(cell for cell in cells if cell is not None)
            if row["layer"] == -1:
                total += matrix["rest"]["unattributed"] or 0
            expect(f"{metric} of layer {row['layer']} in token {token}", millionths(total), millionths(row[key]))
    for metric, merge in (("activation_mean", None), ("attention_entropy", None), ("activation_max", max)):
        matrix = load(f"matrix-{metric}-{token}")
        for row in load(f"show-component-{token}"):
            if row["component"] == "unattributed":
                continue
            cells = column(matrix, row["component"])
            value = (merge(cells) if merge else sum(cells) / len(cells)) if cells else None
            expect(f"{metric} of {row['component']} in token {token}", value, row.get(metric), 1e-9)

for said, shown in zip(load("tokens")["tokens"], load("show-tokens"), strict=True):
    what = f"token {said['index']}"
    expect(what, said["index"], shown["index"])
    expect(what, millionths(said["duration_ms"]), millionths(shown["duration_ms"]))
    expect(what, millionths(said["energy_mj"]), millionths(shown["energy_mj"]))

# Averages over the run: of what was profiled, statistics in the precision of the store.
summary = load("summary")
for key, name in (("component", "component_averages"), ("layer", "layer_averages")):
    said = {(row["phase"], row[key]): row for row in summary[name]}
    for row in load(f"show-{key}s"):
        if row.get("profiled") is False:
            continue
        what = f"{row['phase']} {row[key]}"
        average = said[row["phase"], row[key]]
        expect(what, millionths(average["duration_ms"]), millionths(row["duration_ms"]))
        expect(what, millionths(average["energy_mj"]), millionths(row["energy_mj"]))
        expect(what, average["activation_mean"], row.get("activation_mean"), 6e-4)
        expect(what, average["activation_max"], row.get("activation_max"), 6e-4)
        expect(what, average["attention_entropy"], row.get("attention_entropy"), 6e-4)

assert checked > 400, f"only {checked} figures were compared"
