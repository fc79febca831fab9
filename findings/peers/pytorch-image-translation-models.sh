note="it asks for \`torch==2.8.0+cu126\`, which PyPI does not have"
