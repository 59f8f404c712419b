"""A store over rows: what the stores of the clouds do alike, whatever their service calls a row.

`port` says what a service must bring, `storage` makes a store of it.
"""
