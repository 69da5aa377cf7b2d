"""Archives one snapshot as a state machine: plan, then work on many items, then commit.

Three functions of one asset (`lambda/` with `archive_job`, `block_archive` and `archive_format`),
one handler per state. Every state may be repeated, and two executions for one snapshot do no harm.

`functions.archive_job.handler.plan`
    in   {"snapshot": "snap-…", "base"?: a root's key | "latest" | null, "retain_days"?: 1 to 36500,
         "level"?: -7 to 22}; `base` is "latest" by default: the volume's newest root, if it has one
    out  {"done": true, "root", "counts", "stored_bytes"} where the snapshot is archived already, or
         {"done": false, "job": key, "items": {"bucket", "key"}, "count": items to do,
          "concurrency": for the map, "estimate": {"blocks_at_most", "requests", "dollars", …}}
    The items are a JSON array in S3 (ItemReader: s3:getObject, InputType JSON), each one the whole
    input of a `work`; they carry no block tokens, so nothing in them expires.

`functions.archive_job.handler.work`   (an item of the map: `concurrency` at once, no failure)
    in   {"job": key, "item": number, "blocks_per_second": this worker's share of the budget}
    out  {"item", "data", "new", "stored_bytes"}; its receipt is in the bucket

`functions.archive_job.handler.commit`
    in   {"job": key}  (more names do no harm: hand over what `plan` returned)
    out  {"done": true, "root", "counts", "stored_bytes", "dollars"}

Beside them, on schedules of their own:

`functions.archive_job.handler.verify`
    in   {"root"?: key, snapshot's id, latest (default), latest:VOLUME; "level"?: 0, 1 (default), 2}
    out  {"root", "level", "evidence": key under verify/, counts}; needs s3:PutObject for that
`functions.archive_job.handler.prune_copy`   (a role that may delete there and may not write)
    in   anything; environment: ARCHIVE_BUCKET, the copy; ORIGINAL and ORIGINAL_REGION, what is
         replicated into it and is never written here
    out  {"roots": expired, "newest_good", "swept", "swept_bytes", "kept_…", "unfinished": whether
         the function's limit came first; the next run goes on}

Errors by name: `OutOfTime` (the function's limit came first) and every other but `RefusedError` are
worth a retry of the same input; `RefusedError` says no for good (denied, wrong key, wrong input).

Environment: ARCHIVE_BUCKET; BLOCKS_PER_SECOND, the budget of all workers together (800: 80 % of the
quota of GetSnapshotBlock); TRANSPORT, `botocore` or `lean` (default `botocore`; `lean` needs half
the processor time). AWS_ENDPOINT_URL is read by both.

The role needs ec2:DescribeSnapshots, ebs:ListSnapshotBlocks, ebs:ListChangedBlocks,
ebs:GetSnapshotBlock, kms:Decrypt of the volume's key; of the bucket s3:GetObject, s3:PutObject,
s3:ListBucket, s3:GetBucketObjectLockConfiguration, s3:PutObjectRetention, s3:GetObjectRetention,
its key's kms:Decrypt and kms:GenerateDataKey; and nothing that deletes.
Memory 2,048 MB: an item needs less than 250 MiB, the processor's share is the reason.
"""
