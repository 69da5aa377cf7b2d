"""The steps of a person who brings an environment up, in the order in which they work."""

from __future__ import annotations

from dataclasses import dataclass

from assembly.waves import ZONE_STACK, wave_patterns
from config.aws_facts import DNS_REGION
from config.model import Environment

RUNBOOK = "docs/runbooks/delegation.md"

# As shipped in config/environments.py: AWS's own example account, and a domain nobody can own.
PLACEHOLDER_ACCOUNT = "111122223333"
PLACEHOLDER_DOMAIN = "example.com"


@dataclass(frozen=True, kw_only=True)
class OperatorStep:
    """One step of a person: what, why it stands here, and the commands, if any."""

    title: str
    why: str
    commands: tuple[str, ...] = ()


def placeholders(environment: Environment) -> tuple[str, ...]:
    """Return what is still as shipped and must be the owner's before anything is deployed."""
    found = []
    if environment.account == PLACEHOLDER_ACCOUNT:
        found.append(f"the account {environment.account} is the placeholder, not yours")
    if f".{environment.domain}".endswith(f".{PLACEHOLDER_DOMAIN}"):
        found.append(f"the domain {environment.domain} is the placeholder, not yours")
    return tuple(found)


def used_regions(environment: Environment) -> tuple[str, ...]:
    """Return every Region that holds a stack, the zone's among them."""
    return tuple(dict.fromkeys((*(r.name for r in environment.regions), DNS_REGION)))


def zone_stack_name(environment: Environment) -> str:
    return f"mainstay-{environment.name}-{ZONE_STACK.lower()}"


def steps(environment: Environment) -> tuple[OperatorStep, ...]:
    """Return the whole way, from a clone to the DS record."""
    own = OperatorStep(
        title="Make the environment yours: account and domain in config/environments.py",
        why="Everything below is made in that account and under that domain.",
    )
    first = (own,) if placeholders(environment) else ()
    last = (_ds_record(environment),) if environment.dnssec else ()
    return (*first, _bootstrap(environment), *_zone(environment), *_regions(environment), *last)


def _cdk(environment: Environment, words: str) -> str:
    return f"npx cdk -c environment={environment.name} {words}"


def _bootstrap(environment: Environment) -> OperatorStep:
    places = " ".join(
        f"aws://{environment.account}/{region}" for region in used_regions(environment)
    )
    return OperatorStep(
        title="Bootstrap the account in every Region used",
        why=f"The CDK deploys through roles and a bucket of each Region; the zone's stack stands "
        f"in {DNS_REGION}.",
        commands=(_cdk(environment, f"bootstrap {places}"),),
    )


def _zone(environment: Environment) -> tuple[OperatorStep, ...]:
    outputs = (
        f"aws cloudformation describe-stacks --region {DNS_REGION} "
        f"--stack-name {zone_stack_name(environment)} --query 'Stacks[0].Outputs'"
    )
    deploy = OperatorStep(
        title="Deploy the zone, alone and first",
        why="Certificates are validated in it, and wait until a person has done the next step.",
        commands=(_cdk(environment, f"deploy {ZONE_STACK}"),),
    )
    delegate = OperatorStep(
        title=f"Delegate {environment.domain} at its parent to the zone's name servers",
        why=f"They are the output NameServers of the stack. Go on when the last command shows "
        f"them: certificates wait for that ({RUNBOOK}).",
        commands=(outputs, f"dig +short NS {environment.domain}"),
    )
    if environment.hosted_zone_id is not None:
        return deploy, delegate
    adopt = OperatorStep(
        title="Put the output ZoneId into the environment as hosted_zone_id, and commit it",
        why=f"From then on a Region deploys without asking CloudFormation in {DNS_REGION}, which "
        f"may be the one that is down.",
    )
    return deploy, delegate, adopt


def _regions(environment: Environment) -> tuple[OperatorStep, ...]:
    _, *regions = wave_patterns(environment)
    found = []
    for wave in regions:
        region = wave.partition("/")[0]
        is_standby = environment.standby is not None and region == environment.standby.name
        why = "Its records, which bring it into DNS, come last in the wave."
        if is_standby:
            why = (
                "The standby first: what is wrong shows where nobody depends on it. The CDK draws "
                "in the few stacks of the other Region that these need."
            )
        place = "standby" if is_standby else "primary"
        found.append(
            OperatorStep(
                title=f"Deploy the {place} Region, {region}, and see that it serves",
                why=why,
                commands=(
                    _cdk(environment, f"deploy '{wave}'"),
                    f"curl -sSf https://{region}.{environment.domain}/health/login",
                ),
            )
        )
    return tuple(found)


def _ds_record(environment: Environment) -> OperatorStep:
    zone = environment.hosted_zone_id or "<hosted_zone_id>"
    return OperatorStep(
        title="Put the DS record at the parent: last, once the zone is signed and served",
        why=f"From here every validating resolver refuses an unsigned answer. First see that all "
        f"name servers answer with signatures (RRSIG), and let the longest TTL of the zone pass, "
        f"the two days of its NS records. To undo, take the DS record away, wait until its TTL has "
        f"passed, and only then set dnssec=False: the other way round the domain is gone for "
        f"everybody who validates ({RUNBOOK}).",
        commands=(
            f"dig +dnssec +noall +answer DNSKEY {environment.domain}",
            f"aws route53 get-dnssec --hosted-zone-id {zone} "
            f"--query 'KeySigningKeys[].DSRecord' --output text",
        ),
    )
