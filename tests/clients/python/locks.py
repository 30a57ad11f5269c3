"""The locks of redis-py and the limits of pyrate-limiter, from many threads: locks.py PORT [ROUNDS]"""

import importlib.metadata
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import redis
from pyrate_limiter import Limiter, Rate, RedisBucket
from redis.exceptions import LockNotOwnedError

THREADS = 8


def fails(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        return
    raise AssertionError(f"{function} does not raise {error}")


def owners(client):
    """Who has a lock may release it and change its time; who has lost it may not."""
    lock = client.lock("lock", timeout=100)
    assert lock.acquire(blocking=False)
    assert not client.lock("lock", timeout=100).acquire(blocking=False)
    assert lock.extend(100)
    assert 100_000 < client.pttl("lock") <= 200_000
    assert lock.extend(50, replace_ttl=True)
    assert client.pttl("lock") <= 50_000
    assert lock.reacquire()
    assert 50_000 < client.pttl("lock") <= 100_000
    assert lock.owned()
    # Scripts are called by their digests, and the library loads them again.
    client.script_flush()
    lock.release()
    assert not client.exists("lock")
    lost = client.lock("lock", timeout=100)
    assert lost.acquire(blocking=False)
    client.set("lock", "somebody else")
    fails(LockNotOwnedError, lost.extend, 10)
    fails(LockNotOwnedError, lost.reacquire)
    fails(LockNotOwnedError, lost.release)
    assert client.get("lock") == b"somebody else"
    client.delete("lock")


def together(port, rounds):
    """A lock guards a number that is read and written in two steps."""
    inside = threading.Semaphore(1)

    def work(_):
        client = redis.Redis(host="localhost", port=port)
        for _ in range(rounds):
            with client.lock("shared", timeout=100, sleep=0.001):
                assert inside.acquire(blocking=False), "two have the lock"
                client.set("number", int(client.get("number") or 0) + 1)
                inside.release()
        client.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    number = int(redis.Redis(host="localhost", port=port).get("number"))
    assert number == THREADS * rounds, f"{number} instead of {THREADS * rounds}"


class Bucket(RedisBucket):
    """Counts what is not later than the client's clock, which must then be the same for all."""

    def now(self):
        return 1_800_000_000_000


def limits(port):
    """A sliding window of an hour lets no more than its limit through, whoever asks."""
    limit = 500
    client = redis.Redis(host="localhost", port=port)

    def work(_):
        bucket = Bucket.init([Rate(limit, 3_600_000)], client, "limit")
        limiter = Limiter(bucket)
        return sum(bool(limiter.try_acquire("item", blocking=False)) for _ in range(limit))

    with ThreadPoolExecutor(THREADS) as pool:
        passed = sum(pool.map(work, range(THREADS)))
    assert passed == limit, f"{passed} passed"
    assert client.zcard("limit") == limit
    client.close()


def main():
    port, rounds = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    for protocol in 2, 3:
        client = redis.Redis(host="localhost", port=port, protocol=protocol)
        client.flushall()
        owners(client)
        client.close()
    together(port, rounds)
    limits(port)
    print(f"redis {redis.__version__}, locks: ok")
    print(f"pyrate-limiter {importlib.metadata.version('pyrate-limiter')}: ok")


main()
