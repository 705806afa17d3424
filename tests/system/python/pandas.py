# SPDX-License-Identifier: MIT
"""What the programs of docs/api.md use of `pandas`, for machines without it."""


class DataFrame:
    def __init__(self, rows):
        self.rows = rows

    def sort_values(self, key):
        known = [row for row in self.rows if row[key] is not None]
        unknown = [row for row in self.rows if row[key] is None]
        return DataFrame(sorted(known, key=lambda row: row[key]) + unknown)

    def head(self, count):
        return DataFrame(self.rows[:count])

    def __getitem__(self, keys):
        return DataFrame([{key: row[key] for key in keys} for row in self.rows])

    def __str__(self):
        return "\n".join("  ".join(str(value) for value in row.values()) for row in self.rows)
