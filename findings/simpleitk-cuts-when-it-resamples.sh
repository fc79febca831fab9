#!/usr/bin/env bash
# SimpleITK: Resample of an integer volume cuts what it computes towards zero, it does not round: of a CT all air becomes half a
# unit denser, and all bone half a unit less dense, each time. DiscreteGaussian cuts once for each axis, a whole unit in 2D.
#
# Every interpolator does so (linear, B-spline, windowed sinc), and Expand too. BinShrink rounds half up, and
# SmoothingRecursiveGaussian returns float32. Cast to float32 first, round at the end. Resampled sources beside targets that were not are half a unit apart everywhere, in opposite directions.
# Seen with simpleitk 2.5.7, numpy 2.4.6, Python 3.11.7, Linux (means of integer results less means of the same in float):
#   air (-1000 to -500): linear +0.49, B-spline +0.50, DiscreteGaussian +1.01, BinShrink +0.13
#   bone (500 to 1000): linear -0.49, B-spline -0.49, DiscreteGaussian -0.99, BinShrink +0.15
#   linear is the float result cut towards zero: True
. "$(dirname "$0")/common.sh"
install simpleitk==2.5.7 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import SimpleITK as sitk

def resampled(by):
    turn = sitk.Euler2DTransform((31.5, 31.5), 0.1)
    return lambda volume: sitk.Resample(volume, volume, turn, by, 0)

filters = {
    "linear": resampled(sitk.sitkLinear),
    "B-spline": resampled(sitk.sitkBSpline),
    "DiscreteGaussian": lambda volume: sitk.DiscreteGaussian(volume, 1.0),
    "BinShrink": lambda volume: sitk.BinShrink(volume, [2, 2]),
}

def inner(volume):
    array = sitk.GetArrayFromImage(volume).astype(np.float64)
    rim = array.shape[0] // 4
    return array[rim:-rim, rim:-rim]

draws = np.random.default_rng(0)
seen, are_cut = {}, []
for name, low, high in (("air", -1000, -500), ("bone", 500, 1000)):
    volume = sitk.GetImageFromArray(draws.integers(low, high, (64, 64)).astype(np.int16))
    precise = sitk.Cast(volume, sitk.sitkFloat64)
    pairs = {key: (inner(make(volume)), inner(make(precise))) for key, make in filters.items()}
    seen[name] = {key: float((whole - exact).mean()) for key, (whole, exact) in pairs.items()}
    are_cut.append(bool((pairs["linear"][0] == np.trunc(pairs["linear"][1])).all()))
    print(f"{name} ({low} to {high}): " + ", ".join(f"{key} {bias:+.2f}" for key, bias in seen[name].items()))
print(f"linear is the float result cut towards zero: {all(are_cut)}")
air, bone = seen["air"], seen["bone"]
is_biased = all(air[key] > 0.4 and bone[key] < -0.4 for key in ("linear", "B-spline", "DiscreteGaussian"))
sys.exit(not (all(are_cut) and is_biased and abs(air["BinShrink"]) < 0.25))
PY
