"""An RQ worker finishes jobs that are enqueued together: rq_worker.py PORT [JOBS]"""

import sys

from jobs import square
from redis import Redis
from rq import Queue, SimpleWorker, __version__


def main():
    port, jobs = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    redis = Redis(host="localhost", port=port)
    redis.flushall()
    queue = Queue(connection=redis)
    # One transaction for each part, as `enqueue_many` does it.
    enqueued = []
    for first in range(0, jobs, 1000):
        part = range(first, min(first + 1000, jobs))
        enqueued += queue.enqueue_many([Queue.prepare_data(square, [number]) for number in part])
    assert len(queue) == jobs, f"{len(queue)} jobs instead of {jobs}"
    # Does not fork for each job, and ends when there are no more.
    SimpleWorker([queue], connection=redis).work(burst=True, logging_level="WARNING")
    for number, job in enumerate(enqueued):
        result = job.return_value(refresh=True)
        assert result == number * number, f"job {number} returned {result!r}"
    assert len(queue) == 0 and len(queue.failed_job_registry) == 0
    print(f"rq {__version__}: {jobs} jobs: ok")


main()
