"""How much a file may hold; asked before it is read, so that no file can exhaust the machine.

Each limit lies far above any study or analysis we know of. A file beyond one is refused with an
error that names the limit.
"""

from __future__ import annotations

__all__ = [
    "CELLS",
    "CELL_CHARACTERS",
    "COLUMNS",
    "IMAGE_BYTES",
    "RECORD_BYTES",
    "TABLE_BYTES",
    "UNPACKED_BYTES",
    "YAML_CHARACTERS",
    "YAML_DEPTH",
    "YAML_NODES",
    "YAML_NUMBER",
]

#: A table of a study or of a run, as the file lies on disk: 1 GiB.
TABLE_BYTES = 2**30
#: A compressed table or stored study once it is unpacked: 1 GiB.
UNPACKED_BYTES = 2**30
#: Rows times columns of one Parquet table, whose size on disk says little about it.
CELLS = 100_000_000
#: Characters of one cell; what Python's csv module allows unless told otherwise.
CELL_CHARACTERS = 131_072
#: Columns of one table.
COLUMNS = 2_000
#: A JSON or text file of a run folder: 64 MiB.
RECORD_BYTES = 2**26
#: A figure of a run folder: 64 MiB.
IMAGE_BYTES = 2**26
#: Characters of a YAML file; it describes data and does not hold them.
YAML_CHARACTERS = 400_000
#: Lists within lists and groups within groups.
YAML_DEPTH = 40
#: Values of a YAML file, those that an alias (*name) repeats counted each time.
YAML_NODES = 20_000
#: Characters of one number.
YAML_NUMBER = 40
