"""The results of bench.py as text, as docs/BENCHMARKS.md and as docs/benchmarks.svg.

    page.py RESULTS.json DOCS      writes the page again

Those for one instruction set, or with a name, have pages of their own: results-avx2.json,
docs/BENCHMARKS-avx2.md.
"""

import json
import sys
from pathlib import Path
from xml.sax.saxutils import escape


# Of a row whose network has its zeros elsewhere, so that it counts as nobody's peer.
OTHER_ZEROS = "zeros in blocks of 4"
# Engines that skip zeros.
SPARSE = ("DeepSparse", "MKL sparse")


def time(row):
    """Milliseconds in three digits, or a mark where the engine could not run the network."""
    value = row.get("milliseconds")
    if value is None:
        return "–"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def is_ours(row):
    return row["row"].startswith("shrink")


def best(rows, multiplying_zeros=False):
    """The fastest row, ours not counted; or of those engines alone that multiply zeros, too."""
    peers = [row for row in rows if not is_ours(row) and OTHER_ZEROS not in row["row"]
             and "milliseconds" in row
             and not (multiplying_zeros and row["row"].startswith(SPARSE))]
    return min(peers, key=lambda row: row["milliseconds"], default=None)


def best_dense_int8(rows):
    """The same of those that compute all zeros in 8 bits."""
    return best([row for row in rows if "int8" in row["row"]], multiplying_zeros=True)


def peer_time(unit, units, name):
    """Milliseconds of the fastest peer of our row `name`; one may also run the samples of a batch one
    by one. Where peers have 90 % zeros, a row of ours with more or fewer has the time of those alone
    to which zeros make no difference."""
    others = "90 %" not in name and any("90 %" in row["row"] for row in unit["rows"])
    peers = [(best(other["rows"], others), other["batch"]) for other in units
             if other["network"] == unit["network"] and other["threads"] == unit["threads"]
             and other["cold"] == unit["cold"]
             and other["batch"] in ((unit["batch"],) if unit["cold"] else (1, unit["batch"]))]
    return min((peer["milliseconds"] * unit["batch"] / batch for peer, batch in peers if peer),
               default=None)


def title(unit):
    threads = f"{unit['threads']} thread" + ("s" if unit["threads"] > 1 else "")
    cold = ", caches evicted" if unit["cold"] else ""
    return f"{unit['network']}, batch {unit['batch']}, {threads}{cold}"


def unit_text(unit):
    fastest = best(unit["rows"])
    lines = [title(unit)]
    for row in sorted(unit["rows"], key=lambda row: row.get("milliseconds", float("inf"))):
        ratio = ""
        if fastest and "milliseconds" in row:
            ratio = f"{fastest['milliseconds'] / row['milliseconds']:6.2f}×"
        lines.append(f"  {row['row']:28} {time(row):>8} ms {ratio}  {row.get('error') or ''}")
    return "\n".join(lines)


def table(units):
    """One line a unit, one column an engine; ours with the ratio to the best peer."""
    names = list(dict.fromkeys(row["row"] for unit in units for row in unit["rows"]))
    lines = ["| network | batch | threads | " + " | ".join(names) + " |",
             "|:--|--:|--:|" + "--:|" * len(names)]
    for unit in units:
        rows = {row["row"]: row for row in unit["rows"]}
        cells = []
        for name in names:
            row = rows.get(name)
            if row is None:
                cells.append("")
            elif is_ours(row) and "milliseconds" in row and peer_time(unit, units, name):
                ratio = peer_time(unit, units, name) / row["milliseconds"]
                shown = f"**{time(row)}**" if ratio >= 1 else time(row)
                cells.append(f"{shown} ({ratio:.2f}×)")
            else:
                cells.append(time(row))
        cold = (" (cold)" if unit["cold"] else "") + ("°" if unit.get("again") else "")
        lines.append(f"| {unit['network']}{cold} | {unit['batch']} | {unit['threads']} | "
                     + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(units):
    """Bars of speed for each network at batch 1 on one thread: the best dense int8 peer is 1."""
    shown = [unit for unit in units if unit["batch"] == 1 and unit["threads"] == 1
             and not unit["cold"] and best_dense_int8(unit["rows"])]
    colours = {"shrink": "#0a6", "ONNX": "#88a", "OpenVINO": "#aa8", "LiteRT": "#a88",
               "OpenBLAS": "#999", "MKL": "#777", "DeepSparse": "#68a"}
    bars, y = [], 40
    longest = max((best_dense_int8(unit["rows"])["milliseconds"] / row["milliseconds"]
                   for unit in shown for row in unit["rows"] if "milliseconds" in row), default=1)
    for unit in shown:
        reference = best_dense_int8(unit["rows"])["milliseconds"]
        bars.append(f'<text x="8" y="{y + 10}" class="network">{escape(unit["network"])}</text>')
        y += 18
        for row in unit["rows"]:
            if "milliseconds" not in row:
                continue
            speed = reference / row["milliseconds"]
            colour = next(value for key, value in colours.items() if row["row"].startswith(key))
            width = max(400 * speed / longest, 1)
            bars.append(f'<text x="212" y="{y + 9}" class="row">{escape(row["row"])}</text>'
                        f'<rect x="220" y="{y}" width="{width:.1f}" height="11" fill="{colour}"/>'
                        f'<text x="{226 + width:.1f}" y="{y + 9}">{speed:.2f}× · {time(row)} ms</text>')
            y += 14
        y += 10
    head = "Speed at batch 1 on one thread; the best dense int8 engine is 1"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{y}" '
            f'viewBox="0 0 760 {y}">\n<style>text {{ font: 10px sans-serif; fill: #222 }} '
            ".network, .title { font-weight: bold; font-size: 12px } .row { text-anchor: end }"
            '</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
            f'<text x="8" y="20" class="title">{head}</text>\n' + "\n".join(bars) + "\n</svg>\n")


def conditions(results):
    """What the page says of the instructions that the engines could use."""
    isa = results.get("isa")
    if results.get("limited"):
        return (f"\nThe processor can do more; here every engine was held to {isa}: ours by SHRINK_ISA, OpenVINO,\n"
                "OpenBLAS and MKL by variables of theirs. ONNX Runtime, LiteRT and DeepSparse have no such variable\n"
                "and do not take part, nor does OpenVINO in floats, whose fully connected layers have none.\n")
    return f"\nThe widest instruction set of ours that the processor can run is {isa}.\n" if isa else ""


def disturbance(units):
    """How much the machine varied while it measured."""
    excess = sorted(row["milliseconds"] / row["least"] - 1
                    for unit in units for row in unit["rows"] if "least" in row)
    if not excess:
        return ""
    return (f"\nHalf of all figures are {excess[len(excess) // 2]:.0%} or more above the fastest of their five turns, a tenth\n"
            f"{excess[len(excess) * 9 // 10]:.0%} or more: by so much the machine varied.\n")


def write(results, docs, suffix=""):
    machine, units = results["machine"], results["units"]
    versions = {}
    for unit in units:
        for row in unit["rows"]:
            if row.get("version"):
                versions.setdefault(row["row"], row["version"])
    names = list(dict.fromkeys(unit["network"] for unit in units))
    units = sorted(units, key=lambda unit: names.index(unit["network"]))
    layers = [unit for unit in units if "-fc" in unit["network"]]
    networks = [unit for unit in units if "-fc" not in unit["network"]]
    asked = "" if results.get("limited") else " DeepSparse takes part with `make bench PEERS=deepsparse`."
    text = f"""# The engine beside others

`{results.get("command", "make bench")}` measured this on {machine['cores']} cores of {machine['processor']}, {machine['date']}.
Milliseconds a call from Python, medians; behind ours the speed-up over the fastest of the others
(of a batch as a whole or sample by sample): bold where we won, below 1 where we lost. Random weights: 90 or 95 % zeros
everywhere but in the first convolution, the last and depthwise layers, or the densities of Deep Compression
("paper"). All engines run the same network, with 90 % zeros unless the name of a row says otherwise;
"sparse" engines and DeepSparse make use of them. "{OTHER_ZEROS}" is another network, with as many
zeros in the pattern that suits DeepSparse best; no speed-up is against it. Where ours has 95 % zeros
or those of the paper, and the others 90 %, the speed-up is over dense engines only (those that multiply zeros
as well); sparse ones are left out, since their network has another share of zeros. OpenVINO computes floats
in bfloat16 where the processor can. A dash: the engine could not run it, or gave no answer in time. Empty: not
measured.{asked} "°": the whole row was
measured again in a later run of that day, and may be of a later version.
{conditions(results)}{disturbance(units)}
![Speed at batch 1 on one thread](benchmarks{suffix}.svg)

## Networks

{table(networks)}

## Fully connected layers of Deep Compression

"Cold": before each call 128 MiB are read and written, and then a layer of 256 inputs and 64 outputs is
run by the same engine. So the weights come from memory, as in a whole network, and the code that any call
needs does not.

{table(layers)}

## Versions

""" + "\n".join(f"* {name}: {version}" for name, version in sorted(versions.items())) + "\n"
    docs.mkdir(parents=True, exist_ok=True)
    (docs / f"BENCHMARKS{suffix}.md").write_text(text)
    (docs / f"benchmarks{suffix}.svg").write_text(plot(units))


if __name__ == "__main__":
    source = Path(sys.argv[1])
    write(json.loads(source.read_text()), Path(sys.argv[2]), source.stem.removeprefix("results"))
