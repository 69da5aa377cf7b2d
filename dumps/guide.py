"""What lies beside every dump, for somebody who has the files and nothing else."""

GUIDE = """\
# A portable dump

`manifest.json` was written last: without it, this is no dump. `data/` is the directory format of
PostgreSQL's own `pg_dump`, compressed with zstd, of one moment. No tool of ours is needed:

```sh
sha256sum -c SHA256SUMS                  # every line must say OK
createdb restored                        # on a PostgreSQL of the manifest's major version, or next
pg_restore --no-owner --no-privileges --exit-on-error --jobs 4 --dbname restored data/
```

The manifest has, for each table, its rows and a checksum that the dump's own transaction made:
over ROW(its columns, by name), the first 16 digits of md5(row::text) as a signed 64-bit number,
summed, modulo 2^64. `mainstay backup load` restores and compares both.

A dump of a logical subscriber has counters (sequences) that stand at their start: set each behind
the largest key of its column before anything is written. `mainstay backup load` does.
"""
