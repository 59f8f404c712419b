"""`python -m flux_cli` is the `flux` command."""

from flux_cli import main

main()
