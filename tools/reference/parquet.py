"""Small parquet files as pyarrow writes them, for libs/data/src/parquet.spec.ts: python parquet.py OUT"""

import datetime
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

out = Path(sys.argv[1])
rows = 40
texts = [f"{i} " + "né🙂 "[: i % 5] * 3 for i in range(rows)]
table = pa.table(
    {
        "id": pa.array([2**60 + i if i % 2 else i for i in range(rows)], pa.int64()),
        "text": texts,
        "label": pa.array([i % 3 for i in range(rows)], pa.int32()),
        "score": pa.array([i / 8 for i in range(rows)], pa.float32()),
        "choices": pa.array([{"text": ["a", f"b{i}"], "label": ["A", "B"]} for i in range(rows)]),
        "messages": [[{"role": "user", "content": f"Q{i}"}, {"role": "assistant", "content": f"A{i}"}] for i in range(rows)],
        "day": pa.array([datetime.datetime(2026, 1, 1 + i % 28) for i in range(rows)], pa.timestamp("us")),
        "gap": pa.array([None if i % 2 else f"g{i}" for i in range(rows)]),
    }
)
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    pq.write_table(table.select(["id", "text"]), out / f"{codec}.parquet", compression=codec, row_group_size=16, store_schema=False)
pq.write_table(
    table,
    out / "kinds.parquet",
    compression="zstd",
    row_group_size=16,
    write_page_index=True,
    data_page_size=64,
    store_schema=False,
    use_dictionary=["label"],
    column_encoding={"text": "DELTA_BYTE_ARRAY"},
    data_page_version="2.0",
)
