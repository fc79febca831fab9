import subprocess
import sys

import pytest


@pytest.mark.slow
def test_timm_imports_whatever_torchvision_it_meets():
    """In a process of its own: the remedy must work after a failed import, and stay away from a healthy one."""
    code = (
        "from imtrans.kit.torchvision_compat import optional_vision\n"
        "timm = optional_vision('timm'); assert timm.create_model('resnet10t', num_classes=2)\n"
        "assert optional_vision('torchvision').__name__ == 'torchvision'\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
