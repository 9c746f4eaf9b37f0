"""TensorZero's gateway as the PyPI wheel ships it: in this process, with an HTTP listener. Prints its base URL and waits."""

import sys
import tempfile

from openai import OpenAI
from tensorzero import patch_openai_client

CONFIG = """
[gateway]
observability.enabled = false

[models.bench]
routing = ["stub"]

[models.bench.providers.stub]
type = "openai"
model_name = "bench"
api_base = "{upstream}/v1/"
api_key_location = "none"
"""

with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    file.write(CONFIG.format(upstream=sys.argv[1]))
    file.flush()
    client = patch_openai_client(OpenAI(api_key="unused"), config_file=file.name, async_setup=False)
    print(client.base_url, flush=True)
    sys.stdin.read()
