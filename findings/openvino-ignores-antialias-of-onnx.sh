#!/usr/bin/env bash
# OpenVINO: reads an ONNX file with a Resize that has antialias=1 and resizes without: no error, no warning, and its own graph
# says 'antialias': True. onnxruntime runs the same file as torch does, within 2e-6.
#
# A generator or a front that makes pictures smaller (interpolate(antialias=True)) gives other pictures there: of noise in 0 to
# 1 the largest difference is .44 bilinear and .53 bicubic. Bilinear is what interpolate gives without antialias to the last
# digit. Converted from torch itself (openvino.convert_model of the module) both are right: that way has an operation of
# its own, "bilinear_pillow". A comparison with constant or smooth pictures shows nothing.
# Seen with openvino 2026.4.1, onnx 1.23.2, onnxruntime 1.32.0, onnxscript 0.7.2, torch 2.13.0, Python 3.11.7, Linux:
#   bilinear: from torch onnxruntime 0.000, OpenVINO 0.438, OpenVINO without the file 0.000; from no antialias OpenVINO 0.000
#   bicubic: from torch onnxruntime 0.000, OpenVINO 0.533, OpenVINO without the file 0.000; from no antialias OpenVINO 0.074
. "$(dirname "$0")/common.sh"
install openvino==2026.4.1 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 numpy==2.4.6 torch==2.13.0
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import onnxruntime
import openvino
import torch

class Smaller(torch.nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.how = {"size": (30, 20), "mode": mode}

    def forward(self, x):
        return torch.nn.functional.interpolate(x, **self.how, antialias=True)

def by_openvino(graph):
    return openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(noise.numpy())[0]

noise = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0))
is_so = True
for mode in ("bilinear", "bicubic"):
    network = Smaller(mode).eval()
    torch.onnx.export(network, (noise,), dynamo=True, verbose=False).save("net.onnx")
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    by_runtime = session.run(None, {session.get_inputs()[0].name: noise.numpy()})[0]
    by_file = by_openvino(openvino.Core().read_model("net.onnx"))
    by_module = by_openvino(openvino.convert_model(network, example_input=noise))
    true, rough = network(noise).numpy(), torch.nn.functional.interpolate(noise, **network.how).numpy()
    runtime, file, module = (float(np.abs(y - true).max()) for y in (by_runtime, by_file, by_module))
    plain = float(np.abs(by_file - rough).max())
    others = f"OpenVINO {file:.3f}, OpenVINO without the file {module:.3f}; from no antialias OpenVINO {plain:.3f}"
    print(f"{mode}: from torch onnxruntime {runtime:.3f}, {others}")
    is_so &= runtime < 1e-4 and module < 1e-4 and file > 0.4 and plain < (1e-4 if mode == "bilinear" else 0.1)
sys.exit(not is_so)
PY
