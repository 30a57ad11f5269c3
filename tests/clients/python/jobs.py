"""The work that the workers of RQ and Celery do."""

from celery import Celery

# Where the broker is comes from the command line of those who use this.
app = Celery("jobs")


def square(number):
    return number * number


@app.task(name="jobs.square")
def square_task(number):
    return square(number)
