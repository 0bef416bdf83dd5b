"""Scripts of a data scientist's, run in the SageMaker Python SDK's own environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.cloud.local_cloud import LocalCloud
from tests.environments import python_of


def run_notebook(cloud: LocalCloud, folder: Path, notebook: str, files: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Run a script in the SDK's environment; return what it printed as its result, and all that it printed."""
    for path, text in {"notebook.py": notebook, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(dedent(text))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "NO_PROXY": "127.0.0.1",
        **cloud.state["https"],
    }
    command = [str(python_of("author")), "notebook.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return json.loads(next(line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT "))), printed
