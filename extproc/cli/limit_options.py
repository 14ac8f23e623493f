"""The options by which keys and teams are given what both have: models, routes, limits."""

import argparse

from extproc.cli.admin_client import setting

LIMITED = (
    "models",
    "allowed_routes",
    "tags",
    "max_budget",
    "soft_budget",
    "budget_duration",
    "rpm_limit",
    "tpm_limit",
    "max_parallel_requests",
)
"""The fields that these options fill."""


def limited(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", action="append", dest="models", metavar="MODEL", help="may be given again")
    parser.add_argument("--route", action="append", dest="allowed_routes", metavar="PATH", help="such as /v1/files*")
    parser.add_argument("--tag", action="append", dest="tags", metavar="TAG")
    parser.add_argument("--max-budget", metavar="DOLLARS")
    parser.add_argument("--soft-budget", metavar="DOLLARS", help="where an event is emitted")
    parser.add_argument("--budget-duration", metavar="DURATION", help="30d, 1mo …; without it, once and for all")
    parser.add_argument("--rpm", type=int, dest="rpm_limit", metavar="N", help="requests a minute")
    parser.add_argument("--tpm", type=int, dest="tpm_limit", metavar="N", help="tokens a minute")
    parser.add_argument("--parallel", type=int, dest="max_parallel_requests", metavar="N", help="requests under way")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="any other field of the admin API; null takes it back to its default",
    )
