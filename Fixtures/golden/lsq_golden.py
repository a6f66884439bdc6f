#!/usr/bin/env python3
"""Writes lsq_golden.json: values of quantizers in float64, from the formulas of the papers.

LSQ:  Esser et al. 2020, arXiv 1902.08153.  LSQ+: Bhalgat et al. 2020, arXiv 2004.09576.
PACT: Choi et al. 2018, arXiv 1805.06085.   DoReFa: Zhou et al. 2016, arXiv 1606.06160.
LLSQ: Zhao et al., ICLR 2020.               EWGS: Lee et al. 2021, arXiv 2104.00903.
Dampening: Nagel et al. 2022, arXiv 2203.11086.
Nudged ranges and folded batch normalization: TensorFlow's quantizers (Jacob et al. 2018, arXiv
1712.05877). Entropy calibration: NVIDIA's TensorRT (Migacz 2017).
The arctangent soft round is our reconstruction of the one of LG-LSQ (Lin et al. 2022, arXiv
2202.09009), whose formula is not public.
Made with Python 3.11.7 and NumPy 2.4.6; any NumPy should give the same. With --check nothing is
written, and the exit status tells whether the file holds what would be written.
"""
import json
import pathlib
import sys

import numpy as np

FILE = pathlib.Path(__file__).with_name("lsq_golden.json")
BIT_WIDTHS = (2, 3, 4, 8)
TENSORS = {
    "W16": [0.31, -0.47, 0.052, -0.118, 0.73, -0.264, 0.009, 0.405,
            -0.883, 0.167, -0.036, 0.291, -0.612, 0.538, -0.079, 0.214],
    "XRELU16": [0.0, 0.13, 0.87, 1.42, 0.0, 2.31, 0.055, 0.64,
                3.77, 0.0, 0.392, 1.05, 0.21, 0.0, 1.83, 0.478],
    "XSWISH16": [-0.2781, -0.231, -0.094, 0.063, 0.318, 0.707, 1.113, 1.642,
                 2.257, 2.981, -0.157, -0.0415, 0.521, 3.649, -0.269, 0.186],
    "GO16": [0.50, -1.25, 0.75, 0.10, -0.30, 2.00, -0.60, 1.10,
             -0.90, 0.25, 1.40, -0.05, 0.85, -1.70, 0.35, -0.45],
}
ARRAYS = {name: np.array(values) for name, values in TENSORS.items()}
UPSTREAM = ARRAYS["GO16"]


def grid_ends(bits, signed):
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def quantized(x, step, offset, n, p):
    """Position on the grid before rounding, and code (np.rint rounds half to even)."""
    u = (x - offset) / step
    return u, np.rint(np.clip(u, n, p))


def case(name, step, offset, n, p, has_offset=False, part=slice(None)):
    """Codes, values and gradients of L = sum(GO16 * x^) for one tensor on one grid."""
    x, go = ARRAYS[name][part], UPSTREAM[part]
    u, code = quantized(x, step, offset, n, p)
    inside = (u > n) & (u < p)
    result = step * code + offset
    by_step = float(np.sum(go * np.where(inside, code - u, np.where(u <= n, n, p))))
    scale = float(1 / np.sqrt(x.size * p))
    values = {
        "s": float(step), "code": code.astype(int).tolist(), "xhat": result.tolist(),
        "inside": inside.astype(int).tolist(), "dx": (go * inside).tolist(),
        "ds_raw": by_step, "g": scale, "ds": scale * by_step,
        "mse": float(np.mean((result - x) ** 2)),
    }
    if has_offset:
        by_offset = float(np.sum(go[~inside]))
        values |= {"dbeta_raw": by_offset, "dbeta": scale * by_offset}
    # Close to a tie or to the end of the grid, single precision may decide otherwise; not at an exact zero.
    near_end = (np.minimum(np.abs(u - n), np.abs(u - p)) < 1e-3) & (x != 0)
    near_tie = (np.abs(u - np.floor(u) - 0.5) < 1e-3) & (u > n - 0.5) & (u < p + 0.5)
    values["float32_safe_gradients"] = not bool(np.any(near_end | near_tie))
    return values


def lsq_step(values, p):
    return 2 * np.mean(np.abs(values)) / np.sqrt(p)


def lsq_cases():
    kinds = (("weight", "W16", True), ("activation", "XRELU16", False),
             ("activation_signed", "XSWISH16", True))
    for kind, tensor, signed in kinds:
        for bits in BIT_WIDTHS:
            n, p = grid_ends(bits, signed)
            first = lsq_step(ARRAYS[tensor], p)
            steps = {"init": first, "half_init": first / 2, "fixed": 0.1337 if signed else 0.2171}
            for label, step in steps.items():
                yield {"kind": kind, "bits": bits, "s_label": label, "n": n, "p": p,
                       "tensor": tensor} | case(tensor, step, 0.0, n, p)


def extremes(x, n, p, has_offset):
    """The grid from the smallest to the largest value."""
    if has_offset:
        step = (x.max() - x.min()) / (p - n)
        return step, x.min() - n * step
    return (x.max() if n == 0 else np.abs(x).max()) / p, 0.0


def least_squares(x, step, offset, n, p, has_offset):
    """Alternates codes and the linear regression of x on the codes until nothing changes."""
    for _ in range(200):
        code = quantized(x, step, offset, n, p)[1]
        if has_offset:
            deviation = code - code.mean()
            new_step = np.dot(deviation, x - x.mean()) / np.dot(deviation, deviation)
            new_offset = x.mean() - new_step * code.mean()
        else:
            new_step, new_offset = np.dot(code, x) / np.dot(code, code), 0.0
        change = max(abs(new_step - step), abs(new_offset - offset))
        step, offset = new_step, new_offset
        if change < 1e-15:
            break
    return step, offset


def lsqplus_activation_cases():
    x = ARRAYS["XSWISH16"]
    fixed = {2: (0.4013, -0.1937), 3: (0.2517, -0.1219), 4: (0.1907, -0.1409), 8: (0.0117, -0.1811)}
    for config in (1, 2, 3, 4):
        signed, has_offset = config in (2, 3), config >= 3
        for bits in BIT_WIDTHS:
            n, p = grid_ends(bits, signed)
            first = extremes(x, n, p, has_offset)
            step, offset = fixed[bits]
            grids = {
                "minmax": first,
                "mse_lloyd": least_squares(x, *first, n, p, has_offset),
                "fixed": (step, offset - n * step if has_offset else 0.0),
            }
            for label, (step, offset) in grids.items():
                yield {"config": config, "bits": bits, "s_label": label, "n": n, "p": p,
                       "beta": float(offset), "has_beta": has_offset, "tensor": "XSWISH16",
                       } | case("XSWISH16", step, offset, n, p, has_offset)


def lsqplus_weight_step(bits, ddof=0):
    w = ARRAYS["W16"]
    reach = 3 * w.std(ddof=ddof)
    return float(max(abs(w.mean() - reach), abs(w.mean() + reach)) / (1 << bits - 1))


def offset_folding_cases():
    """An integer dot product with everything constant in the bias equals the real one."""
    x, weights, bias = ARRAYS["XSWISH16"][:8], ARRAYS["W16"].reshape(2, 8), np.array([0.05, -0.11])
    for config in (3, 4):
        for bits in (2, 4, 8):
            n, p = grid_ends(bits, config == 3)
            step, offset = extremes(ARRAYS["XSWISH16"], n, p, True)
            step, weight_step = 0.93 * step, lsqplus_weight_step(bits)
            codes = quantized(x, step, offset, n, p)[1]
            weight_codes = quantized(weights, weight_step, 0.0, *grid_ends(bits, True))[1]
            y = (weight_step * weight_codes) @ (step * codes + offset) + bias
            folded = offset * weight_step * weight_codes.sum(axis=1) + bias
            sums = weight_codes @ codes
            assert np.allclose(y, weight_step * step * sums + folded, rtol=0, atol=1e-12)
            yield {"config": config, "bits": bits, "s_x": float(step), "beta": float(offset),
                   "s_w": weight_step, "x": x.tolist(), "W": weights.tolist(),
                   "bias": bias.tolist(), "xbar": codes.astype(int).tolist(),
                   "wbar": weight_codes.astype(int).tolist(),
                   "acc_int32": sums.astype(int).tolist(), "folded_bias": folded.tolist(),
                   "y": y.tolist()}


def ties():
    u = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, -3.5])
    return {"s": 0.25, "x": (0.25 * u).tolist(), "bits": 4, "signed": True,
            "half_to_even": np.rint(u).astype(int).tolist()}


def lsq_per_output_cases():
    """A step for each half of W16, as if they were the weights of two outputs."""
    for bits in BIT_WIDTHS:
        n, p = grid_ends(bits, True)
        halves = (slice(0, 8), slice(8, 16))
        yield {"bits": bits, "n": n, "p": p, "channels": [
            case("W16", lsq_step(ARRAYS["W16"][half], p), 0.0, n, p, part=half)
            for half in halves]}


def pact_cases():
    x, bound = ARRAYS["XSWISH16"], 1.5
    for bits in (2, 3, 4):
        scale = ((1 << bits) - 1) / bound
        inside = (x >= 0) & (x < bound)
        result = np.rint(np.clip(x, 0, bound) * scale) / scale
        yield {"alpha": bound, "bits": bits, "y": result.tolist(),
               "dx": (UPSTREAM * inside).tolist(), "dalpha": float(UPSTREAM[x >= bound].sum())}


def dorefa_weight_cases():
    tanh = np.tanh(ARRAYS["W16"])
    bound = np.abs(tanh).max()
    for bits in (2, 3, 4):
        levels = (1 << bits) - 1
        codes = np.rint((tanh / (2 * bound) + 0.5) * levels)
        yield {"bits": bits, "wq": (2 * codes / levels - 1).tolist(),
               "dw": (UPSTREAM * (1 - tanh ** 2) / bound).tolist()}


def llsq_cases():
    """Three errors decide which way the step goes; the gradient is its square."""
    w = ARRAYS["W16"]
    for bits in (2, 3, 4):
        n, p = grid_ends(bits, True)
        for step in (0.02, 0.05, 0.1, 0.2, 0.4, 0.9):
            half, own, double = (
                float(np.mean((s * quantized(w, s, 0.0, n, p)[1] - w) ** 2))
                for s in (step / 2, step, 2 * step))
            shrinks, grows = own - half >= 0, double - own <= 0
            if shrinks and grows:
                shrinks, grows = double - half >= 0, double - half < 0
            yield {"bits": bits, "n": n, "p": p, "alpha": step, "err_half": half, "err": own,
                   "err_double": double,
                   "grad_alpha": step ** 2 if shrinks else -step ** 2 if grows else 0.0}


def ewgs():
    u, go, delta = 3 * np.array([0.05, 0.21, 0.37, 0.44, 0.58, 0.71, 0.83, 0.97]), UPSTREAM[:8], 0.2
    return {"u": u.tolist(), "go": go.tolist(), "delta": delta,
            "dx": (go * (1 + delta * np.sign(go) * (u - np.rint(u)))).tolist()}


def arctangent_cases():
    u = np.array([-1.81, -0.93, -0.42, 0.08, 0.27, 0.46, 0.55, 0.74, 0.97, 1.36, 2.49, 2.52])
    distance = u - np.floor(u) - 0.5
    for k in (1.0, 2.0, 4.0, 8.0, 16.0):
        width = 2 * np.arctan(k / 2)
        yield {"k": k, "u": u.tolist(),
               "y": (np.floor(u) + 0.5 + np.arctan(k * distance) / width).tolist(),
               "dy": (k / (width * (1 + (k * distance) ** 2))).tolist()}


def dampening_cases():
    w = ARRAYS["W16"]
    for bits in (2, 3, 4):
        n, p = grid_ends(bits, True)
        step = lsq_step(w, p)
        error = step * quantized(w, step, 0.0, n, p)[1] - np.clip(w, step * n, step * p)
        inside = (step * n < w) & (w < step * p)
        yield {"bits": bits, "s": float(step), "n": n, "p": p,
               "loss_sum": float(np.sum(error ** 2)),
               "dw": np.where(inside, -2 * error, 0.0).tolist()}


def nudged_ranges():
    """A range that holds zero, moved until zero is a code."""
    for low, high, n, p in ((-0.2781, 3.649, 0, 255), (0.0, 6.0, 0, 255), (-1.0, 1.0, 1, 255),
                            (-0.1, 0.5, 0, 15)):
        scale = (high - low) / (p - n)
        zero = int(np.clip(np.floor(n - low / scale + 0.5), n, p))
        yield {"min": low, "max": high, "qmin": n, "qmax": p, "scale": scale, "zero_point": zero,
               "nudged_min": (n - zero) * scale, "nudged_max": (p - zero) * scale}


def folded_normalizations():
    """What batch normalization makes of one result of a convolution, by moving and by batch moments."""
    for gamma, beta, mean, variance, batch_mean, batch_variance, result in (
            (1.3, -0.2, 0.35, 1.5, 0.4, 1.7, 0.9), (0.8, 0.1, -0.2, 0.4, -0.3, 0.25, -1.1)):
        epsilon = 1e-3
        factor = gamma / np.sqrt(variance + epsilon)
        batch_factor = gamma / np.sqrt(batch_variance + epsilon)
        yield {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance,
               "batch_mean": batch_mean, "batch_variance": batch_variance, "epsilon": epsilon,
               "result": result, "factor": float(factor),
               "y": float(factor * (result - mean) + beta),
               "batch_y": float(batch_factor * (result - batch_mean) + beta)}


def entropy_cut(counts, levels):
    """After how many bins to cut for the least divergence, the last of equals, and that divergence."""
    counts = counts.astype(float)
    counts[0] = counts[1]
    best = None
    for cut in range(levels, counts.size + 1):
        kept, filled = counts[:cut], counts[:cut] > 0
        p = kept.copy()
        p[-1] += counts[cut:].sum()
        group = np.arange(cut) * levels // cut
        members = np.maximum(np.bincount(group, filled), 1)
        q = filled * (np.bincount(group, kept) / members)[group]
        if np.any(q[p > 0] == 0):
            continue
        p, q = p[p > 0] / p.sum(), q[p > 0] / q.sum()
        divergence = float(np.sum(p * np.log(p / q)))
        if best is None or divergence <= best[1]:
            best = cut, divergence
    return best


def squared_error_bound(counts, centres, bits):
    """The centre that makes the best upper end of a grid, and its mean squared error."""
    p = (1 << bits - 1) - 1
    def error(bound):
        codes = np.minimum(np.rint(centres * p / bound), p)
        return float(np.sum((codes * bound / p - centres) ** 2 * counts) / counts.sum())
    return min(((float(bound), error(bound)) for bound in centres[p + 1:]), key=lambda found: found[1])


def calibration():
    """Bounds of signed grids from one histogram of magnitudes."""
    width, bins = 0.0625, np.arange(64)
    counts = np.rint(4000 * np.exp(-(bins + 0.5) / 9) + 3 * (bins > 40)).astype(int)
    entropy, error, percentile = [], [], []
    for bits in (3, 4, 5):
        cut, divergence = entropy_cut(counts, 1 << bits - 1)
        entropy.append({"bits": bits, "bound": cut * width, "divergence": divergence})
        bound, mse = squared_error_bound(counts, (bins + 0.5) * width, bits)
        error.append({"bits": bits, "bound": bound, "mse": mse})
    shares = np.cumsum(counts) / counts.sum()
    for percent in (90.0, 99.0, 99.9, 99.99):
        last = int(np.argmax(shares >= percent / 100))
        percentile.append({"percentile": percent, "bound": last * width})
    batches = [[-0.2, 2.0], [-0.27, 3.1], [-0.25, 2.6], [-0.28, 3.6]]
    running = [np.array(batches[0])]
    for batch in batches[1:]:
        running.append(0.9 * running[-1] + 0.1 * np.array(batch))
    return {"counts": counts.tolist(), "width": width, "entropy": entropy,
            "squared_error": error, "percentile": percentile,
            "moving_average": {"momentum": 0.9, "batches": batches,
                               "running": [extremes.tolist() for extremes in running]}}


def golden():
    return {
        "tensors": TENSORS,
        "lsq": list(lsq_cases()),
        "lsqplus_activation": list(lsqplus_activation_cases()),
        "lsqplus_weight_init": [
            {"bits": b, "s_population_sigma": lsqplus_weight_step(b)} for b in BIT_WIDTHS],
        "lsqplus_weight": [
            {"bits": b, "n": grid_ends(b, True)[0], "p": grid_ends(b, True)[1], "tensor": "W16"}
            | case("W16", lsqplus_weight_step(b), 0.0, *grid_ends(b, True)) for b in BIT_WIDTHS],
        "rounding_ties": ties(),
        "offset_folding": list(offset_folding_cases()),
        "lsq_per_channel": list(lsq_per_output_cases()),
        "pact": list(pact_cases()),
        "dorefa_weight": list(dorefa_weight_cases()),
        "llsq": list(llsq_cases()),
        "ewgs": ewgs(),
        "asr_reconstruction": list(arctangent_cases()),
        "dampening": list(dampening_cases()),
        "nudged": list(nudged_ranges()),
        "folded_normalization": list(folded_normalizations()),
        "calibration": calibration(),
    }


def close(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float):
        return abs(a - b) <= 1e-12 * max(1.0, abs(a))
    return a == b


def main():
    if "--check" in sys.argv[1:]:
        return 0 if close(golden(), json.loads(FILE.read_text())) else 1
    sections = (f' "{key}": ' + json.dumps(value) for key, value in golden().items())
    FILE.write_text("{\n" + ",\n".join(sections).replace("}, {", "},\n  {") + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
