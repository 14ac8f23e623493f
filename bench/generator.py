"""The load generator's process: jobs in on standard input, reports out on standard output, a JSON line each."""

import asyncio
import sys

from bench import jobs, load
from bench.jobs import ClosedLoop, Failed, Job, Report


async def _do(job: Job) -> Report:
    try:
        return await (load.closed_loop(job) if isinstance(job, ClosedLoop) else load.streams(job))
    except (load.LoadError, OSError) as error:
        return Failed(str(error))


def main() -> None:
    """Ends with its standard input."""
    for line in sys.stdin.buffer:
        report = asyncio.run(_do(jobs.decode_job(line)))
        sys.stdout.buffer.write(jobs.encode(report) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
