"""A Celery worker finishes jobs, with the server as broker and for results: celery_worker.py PORT [JOBS]"""

import os
import pathlib
import subprocess
import sys

import celery
from jobs import app, square_task
from redis import Redis


def main():
    port, jobs = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    url = f"redis://localhost:{port}/0"
    Redis(host="localhost", port=port).flushall()
    app.conf.update(broker_url=url, result_backend=url)
    command = [sys.executable, "-m", "celery", "--app", "jobs", "--broker", url, "--result-backend", url]
    worker = subprocess.Popen(
        [*command, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "ERROR"],
        cwd=pathlib.Path(__file__).parent,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
    )
    try:
        results = [square_task.delay(number) for number in range(jobs)]
        for number, result in enumerate(results):
            value = result.get(timeout=60)
            assert value == number * number, f"job {number} returned {value!r}"
        # Asked over a channel that all workers listen to.
        replies = app.control.ping(timeout=5, limit=1)
        assert [answer for reply in replies for answer in reply.values()] == [{"ok": "pong"}], replies
    finally:
        worker.terminate()
        worker.wait(timeout=60)
    print(f"celery {celery.__version__}: {jobs} jobs: ok")


main()
