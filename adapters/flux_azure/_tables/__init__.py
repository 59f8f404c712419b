"""The store of runs in an Azure table: `storage` is the door, `keys` says what lies where."""
