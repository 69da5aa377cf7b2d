"""The environments. Edit one of these to deploy mainstay as your own: `make synth ENV=<name>`."""

from __future__ import annotations

from config.backups import Backups, Keep
from config.cluster import ClusterSize, ClusterZones
from config.databases import (
    Databases,
    EntityClusters,
    ReportingCluster,
    SessionThroughput,
    TransactionClusters,
    Warehouse,
)
from config.delayed_replica import DelayedReplica
from config.model import Environment, FrontDoor, Region, TierSize, WorkerSize
from config.problems import reported_together

# What the environments without users share: the smallest task of Fargate, a quarter of a vCPU.
MINIMAL_EDGE = TierSize(
    peak_tasks=1,
    max_tasks=6,  # twice what three zones always run
    cpu_units=256,
    memory_mib=512,
    requests_per_task_per_minute=60_000,  # 1,000 a second, as production's share of a vCPU
    cpu_target_percent=50,
)
# Half a capacity unit is the least that does not pause; a paused cluster replicates nothing.
MINIMAL_CLUSTER = ClusterSize(
    instance_class="serverless",
    min_acu=0.5,
    max_acu=4.0,  # 8 GiB, as a small instance
    max_readers=1,
    reader_cpu_target_percent=60,
)
# The least that a deployment without users may cost by mistake: a hundred requests a second.
MINIMAL_SESSIONS = SessionThroughput(max_read_units=100, max_write_units=100)
# The newest minor version that every Region of ours offers (Release Notes for Aurora PostgreSQL);
# `aws rds describe-db-engine-versions --engine aurora-postgresql` lists those of an account.
POSTGRESQL_VERSION = "17.6"

# The limits of production, a tenth of them for a tenant; rules count, so that their log is read
# before they block anybody.
COUNTING_DOOR = FrontDoor(
    managed_rules="count",
    requests_per_client_per_minute=600,
    requests_per_tenant_per_minute=6_000,
    longest_request_seconds=30,
    client_keep_alive_seconds=180,
)

# A fortnight of nights, and what an hour's mistake needs: for environments without customers.
SHORT_BACKUPS = Backups(
    snapshots=Keep(hourly=24, daily=7),
    snapshot_copies=Keep(daily=3),
    archive_days=7,
    dump_days=7,
    vault_days=7,
    proof_days=14,
    work_gib=21,  # the least that may be asked for
)

with reported_together():
    # The whole system of the whitepaper: seven live zones in two Regions.
    PRODUCTION = Environment(
        name="production",
        account="111122223333",  # yours: `aws sts get-caller-identity`
        domain="id.example.com",  # yours: tenants are served at <tenant>.<domain>
        hosted_zone_id=None,
        dnssec=True,  # a hijacked identity domain is every customer's hijacked login
        routing="failover",  # the standby's entity store cannot be written before a failover
        primary=Region(
            name="us-east-1",
            cidr="10.0.0.0/16",
            # Five zones: the whitepaper's six less az3, which has no current instance types.
            zone_ids=("use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"),
        ),
        standby=Region(
            name="us-west-2",
            cidr="10.1.0.0/16",
            # "a full replica of the entire system is running in two availability zones"
            zone_ids=("usw2-az1", "usw2-az2"),
            # The logical follower and the time-delayed replica, away from every live replica.
            data_zone_ids=("usw2-az3", "usw2-az4"),
        ),
        egress="endpoints",  # no way to the internet at all; the service calls AWS alone
        edge=TierSize(
            # nginx spends 22 microseconds of CPU on a proxied request with the full policy
            # (measured), so one vCPU at half load carries some 20,000 a second; 4 leave room
            # for TLS handshakes at 0.25 to 0.7 ms each. Replace by your own load test.
            peak_tasks=4,
            max_tasks=40,
            cpu_units=1_024,
            memory_mib=2_048,
            requests_per_task_per_minute=300_000,  # 5,000 a second, a quarter of what it carries
            cpu_target_percent=50,
        ),
        app=TierSize(
            # A login costs some 50 ms of CPU (argon2id), so two vCPUs at half load carry 20 a
            # second; 8 tasks carry 160 logins a second. Replace by your own load test.
            peak_tasks=8,
            max_tasks=64,
            cpu_units=2_048,
            memory_mib=4_096,
            requests_per_task_per_minute=6_000,  # 100 a second, logins and session checks mixed
            cpu_target_percent=50,
        ),
        worker=WorkerSize(
            min_tasks=2,
            max_tasks=8,  # several times what the app tier can send, after an outage
            cpu_target_percent=60,
        ),
        databases=Databases(
            postgresql_version=POSTGRESQL_VERSION,
            backup_days=35,  # the most that Aurora keeps
            entity=EntityClusters(
                # No zone holds two masters, and each cluster shares but one zone with the writers
                # of the others: with az1 and az6 gone, every volume keeps 4 of its 6 copies.
                master_a=ClusterZones(writer="use1-az1", readers=("use1-az2", "use1-az4")),
                master_b=ClusterZones(writer="use1-az6", readers=("use1-az5", "use1-az4")),
                standby=ClusterZones(
                    writer="usw2-az1",
                    readers=("usw2-az2",),
                    storage=("usw2-az3",),  # and never az4, which the delayed replica has alone
                ),
                size=ClusterSize(
                    # 4 vCPUs and 32 GiB: "data size and throughput requirements are medium".
                    # Replace by your own load test; every instance is alike.
                    instance_class="r8g.xlarge",
                    max_readers=8,  # four times what always runs
                    reader_cpu_target_percent=50,  # one of two readers can carry both's load
                ),
            ),
            session=SessionThroughput(
                # 160 logins a second write one session each, and a session check reads half a
                # unit; 6,400 requests a second at the ceiling of the app tier, times 1.5.
                max_read_units=10_000,
                max_write_units=2_000,
            ),
            transaction=TransactionClusters(
                primary=ClusterZones(writer="use1-az6", readers=("use1-az5", "use1-az4")),
                standby=ClusterZones(
                    writer="usw2-az1", readers=("usw2-az2",), storage=("usw2-az3",)
                ),
                size=ClusterSize(
                    # "high data size and write throughput": memory for the newest partitions.
                    instance_class="r8g.2xlarge",
                    max_readers=4,  # "medium read throughput needs"
                    reader_cpu_target_percent=60,
                ),
                keep_months=25,  # two full years of audit, and the month that runs
            ),
            reporting=Warehouse(
                zone_ids=("use1-az1", "use1-az2", "use1-az4"),
                standby_zone_ids=("usw2-az1", "usw2-az2", "usw2-az3"),
                base_rpu=32,  # a quarter of the default, for reports that nobody's login awaits
                max_rpu=128,
                copy_retention_days=35,  # as the other stores' backups
            ),
            delayed=DelayedReplica(
                delay_minutes=60,  # time to notice, and to find the runbook
                follower_zone="usw2-az3",
                delayed_zone="usw2-az4",
                instance_type="r8g.large",  # replays what a master four times its size writes
                volume_gib=500,
                volume_iops=6_000,  # twice gp3's base: an hour's log is replayed in minutes
                volume_mib_per_second=250,
            ),
        ),
        backups=Backups(
            # A day by the hour, five weeks by the day, a year by the month.
            snapshots=Keep(hourly=24, daily=35, monthly=12),
            snapshot_copies=Keep(daily=7, weekly=5, monthly=12),
            archive_days=35,  # as Aurora's own; packs are shared, so a night costs what changed
            dump_days=35,
            vault_days=35,
            proof_days=10,  # drills run each week, and one may be late
            work_gib=200,  # the most that Fargate gives
        ),
        front_door=FrontDoor(
            managed_rules="block",
            requests_per_client_per_minute=600,  # an office behind one address, a page a second
            requests_per_tenant_per_minute=60_000,  # 1,000 a second, twice the edge's own limit
            longest_request_seconds=30,
            client_keep_alive_seconds=180,  # the default, 3600, keeps clients on a lost node
        ),
        log_retention_days=365,
        keep_data=True,
        github_repository=None,
    )

    # Pre-production: the same shape on three zones and two, with minimal sizes.
    SMALL = Environment(
        name="small",
        account="111122223333",
        domain="preview.id.example.com",
        hosted_zone_id=None,
        dnssec=False,  # a DS record chain per preview domain is toil without a threat
        routing="latency",  # the alternative, exercised before anyone needs it
        primary=Region(
            name="us-east-1",
            cidr="10.8.0.0/16",
            zone_ids=("use1-az1", "use1-az2", "use1-az4"),
        ),
        standby=Region(
            name="us-west-2",
            cidr="10.9.0.0/16",
            zone_ids=("usw2-az1", "usw2-az2", "usw2-az3"),
            data_zone_ids=("usw2-az4",),  # the time-delayed replica alone
        ),
        egress="nat",
        edge=MINIMAL_EDGE,
        app=TierSize(
            peak_tasks=1,
            max_tasks=12,
            cpu_units=512,  # half a vCPU: five logins a second at half load
            memory_mib=1_024,
            requests_per_task_per_minute=1_500,  # 25 a second, a quarter of production's task
            cpu_target_percent=50,
        ),
        worker=WorkerSize(min_tasks=2, max_tasks=4, cpu_target_percent=60),
        databases=Databases(
            postgresql_version=POSTGRESQL_VERSION,
            backup_days=7,
            entity=EntityClusters(
                master_a=ClusterZones(
                    writer="use1-az1", readers=("use1-az2",), storage=("use1-az4",)
                ),
                master_b=ClusterZones(
                    writer="use1-az4", readers=("use1-az2",), storage=("use1-az1",)
                ),
                standby=ClusterZones(
                    writer="usw2-az1", readers=(), storage=("usw2-az2", "usw2-az3")
                ),
                size=MINIMAL_CLUSTER,
            ),
            session=MINIMAL_SESSIONS,
            transaction=TransactionClusters(
                primary=ClusterZones(
                    writer="use1-az4", readers=("use1-az2",), storage=("use1-az1",)
                ),
                standby=ClusterZones(
                    writer="usw2-az2", readers=(), storage=("usw2-az1", "usw2-az3")
                ),
                size=MINIMAL_CLUSTER,
                keep_months=3,
            ),
            reporting=Warehouse(
                zone_ids=("use1-az1", "use1-az2", "use1-az4"),
                standby_zone_ids=("usw2-az1", "usw2-az2", "usw2-az3"),
                base_rpu=8,
                max_rpu=8,
                copy_retention_days=7,
            ),
            delayed=DelayedReplica(
                delay_minutes=15,  # short, so that a drill does not take an hour
                follower_zone="usw2-az3",
                delayed_zone="usw2-az4",
                instance_type="t4g.small",
                volume_gib=20,
                volume_iops=3_000,
                volume_mib_per_second=125,
            ),
        ),
        backups=SHORT_BACKUPS,
        front_door=COUNTING_DOOR,
        log_retention_days=30,
        keep_data=True,
    )

    # One Region, two zones, nothing kept: for a developer's own account.
    DEV = Environment(
        name="dev",
        account="111122223333",
        domain="dev.id.example.com",
        hosted_zone_id=None,
        dnssec=False,
        routing="failover",
        primary=Region(
            name="us-east-1",
            cidr="10.16.0.0/16",
            zone_ids=("use1-az1", "use1-az2"),
        ),
        standby=None,
        egress="nat",
        edge=MINIMAL_EDGE,
        app=TierSize(
            peak_tasks=1,
            max_tasks=4,
            cpu_units=256,  # a developer or two
            memory_mib=512,
            requests_per_task_per_minute=1_500,
            cpu_target_percent=50,
        ),
        worker=WorkerSize(min_tasks=1, max_tasks=2, cpu_target_percent=60),
        databases=Databases(
            postgresql_version=POSTGRESQL_VERSION,
            backup_days=1,
            entity=EntityClusters(
                master_a=ClusterZones(writer="use1-az1", readers=(), storage=("use1-az2",)),
                master_b=None,  # an upgrade is rehearsed in an environment that has both
                standby=None,
                size=MINIMAL_CLUSTER,
            ),
            session=MINIMAL_SESSIONS,
            transaction=TransactionClusters(
                primary=ClusterZones(writer="use1-az2", readers=(), storage=("use1-az1",)),
                standby=None,
                size=MINIMAL_CLUSTER,
                keep_months=3,
            ),
            reporting=ReportingCluster(
                zones=ClusterZones(writer="use1-az1", readers=(), storage=("use1-az2",)),
                size=MINIMAL_CLUSTER,
            ),
            delayed=None,
        ),
        backups=SHORT_BACKUPS,
        front_door=COUNTING_DOOR,
        log_retention_days=7,
        keep_data=False,
    )

ENVIRONMENTS = {environment.name: environment for environment in (PRODUCTION, SMALL, DEV)}
