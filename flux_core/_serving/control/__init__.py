"""The control plane: `actions` is the table of what can be asked for."""
