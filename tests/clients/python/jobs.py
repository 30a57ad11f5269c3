"""The work that the workers of RQ and Celery do."""

import os

from celery import Celery
from redis import Redis
from redis.exceptions import LockNotOwnedError
from redis.lock import Lock

# Where the broker is comes from the command line of those who use this.
app = Celery("jobs")


def square(number):
    return number * number


@app.task(name="jobs.square")
def square_task(number):
    return square(number)


def release(lock, expected_token):
    """Releases a lock by a transaction instead of a script."""

    def transaction(pipeline):
        if pipeline.get(lock.name) != expected_token:
            raise LockNotOwnedError("Cannot release a lock that's no longer owned")
        pipeline.multi()
        pipeline.delete(lock.name)

    lock.redis.transaction(transaction, lock.name)


def do_without_scripts(port):
    """Changes the locks of redis-py where the server has no scripts; whether that is so."""
    redis = Redis(host="localhost", port=port)
    if redis.execute_command("COMMAND LIST", "FILTERBY", "PATTERN", "evalsha"):
        return False
    Lock.do_release = release
    return True


# The worker is a process of its own.
if "JOBS_PORT" in os.environ:
    do_without_scripts(int(os.environ["JOBS_PORT"]))
