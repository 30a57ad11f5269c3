// BullMQ's queues: thousands of jobs on several workers, each done once: bullmq.mjs PORT [JOBS]

import assert from "node:assert/strict";
import { once } from "node:events";
import { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } from "bullmq";
import { Redis } from "ioredis";

const port = Number(process.argv[2]);
const jobs = Number(process.argv[3] ?? 1500);
const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };

/** Waits until the condition holds. */
async function until(what, condition) {
  const deadline = Date.now() + 120_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} does not come about`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs with a queue and workers that are closed in the end. */
async function withQueue(name, workers, options, processor, work) {
  const queue = new Queue(name, { connection });
  const started = Array.from({ length: workers }, () => new Worker(name, processor, { connection, ...options }));
  const errors = [];
  for (const worker of started) worker.on("error", (error) => errors.push(error));
  try {
    await Promise.all(started.map((worker) => worker.waitUntilReady()));
    await work(queue, started);
  } finally {
    await Promise.all(started.map((worker) => worker.close()));
    await queue.close();
  }
  assert.deepEqual(errors, []);
}

/** Jobs at once, with delays, with priorities and with attempts that fail. */
async function manyJobs() {
  const successes = new Map();
  const attempts = new Map();
  const kinds = {
    plain: () => ({}),
    delayed: (number) => ({ delay: 50 + (number % 500) }),
    urgent: (number) => ({ priority: 1 + (number % 10) }),
    // Fails twice, and is tried again: at once, or after a while.
    flaky: (number) => ({ attempts: 3, ...(number % 2 ? { backoff: { type: "exponential", delay: 20 } } : {}) }),
    hopeless: () => ({ attempts: 3 }),
  };
  const names = Object.keys(kinds);
  async function processor(job) {
    const count = (attempts.get(job.data.number) ?? 0) + 1;
    attempts.set(job.data.number, count);
    await job.updateProgress(50);
    if (job.name === "flaky" && count < 3) throw new Error("not yet");
    if (job.name === "hopeless") throw new UnrecoverableError("never");
    successes.set(job.data.number, (successes.get(job.data.number) ?? 0) + 1);
    return job.data.number * 2;
  }
  await withQueue("many", 4, { concurrency: 8 }, processor, async (queue) => {
    const events = new QueueEvents("many", { connection });
    await events.waitUntilReady();
    const heard = { completed: new Set(), failed: new Set() };
    for (const [event, ids] of Object.entries(heard)) {
      events.on(event, ({ jobId }) => {
        assert.ok(!ids.has(jobId), `${jobId} is ${event} again`);
        ids.add(jobId);
      });
    }
    const all = Array.from({ length: jobs }, (_, number) => {
      const name = names[number % names.length];
      return { name, data: { number, text: "ä".repeat(number % 50) }, opts: kinds[name](number) };
    });
    for (let first = 0; first < jobs; first += 250) await queue.addBulk(all.slice(first, first + 250));
    const hopeless = all.filter(({ name }) => name === "hopeless").length;
    await until("the end of all jobs", async () => {
      const counts = await queue.getJobCounts("completed", "failed");
      return counts.completed + counts.failed === jobs;
    });
    await until("the events of all jobs", () => heard.completed.size + heard.failed.size === jobs);
    await events.close();
    const counts = await queue.getJobCounts();
    assert.equal(counts.completed, jobs - hopeless);
    assert.equal(counts.failed, hopeless);
    for (const state of ["active", "delayed", "prioritized", "waiting", "waiting-children"]) {
      assert.equal(counts[state], 0, state);
    }
    for (const { name, data } of all) {
      assert.equal(successes.get(data.number) ?? 0, name === "hopeless" ? 0 : 1, `${name} ${data.number}`);
      assert.equal(attempts.get(data.number), name === "flaky" ? 3 : 1, `${name} ${data.number}`);
    }
    for (const job of await queue.getJobs(["completed"], 0, 99)) {
      assert.equal(job.returnvalue, job.data.number * 2);
      assert.equal(job.progress, 50);
    }
    // A failed job is done when it is tried again by hand.
    const [failed] = await queue.getFailed(0, 0);
    assert.equal(failed.failedReason, "never");
    await failed.updateData({ number: jobs });
    await failed.retry();
    await until("another failure", async () => attempts.get(jobs) === 1);
    await until("the end of the job", () => failed.isFailed());
    await failed.remove();
    assert.equal((await queue.clean(0, 0, "failed")).length, hopeless - 1);
    await queue.obliterate({ force: true });
    assert.equal(await queue.count(), 0);
  });
}

/** Jobs of a paused queue are done in the order of their priorities. */
async function priorities() {
  const order = [];
  await withQueue("priorities", 1, {}, async (job) => order.push(job.data), async (queue) => {
    await queue.pause();
    const numbers = Array.from({ length: 100 }, (_, number) => (number * 37) % 100);
    for (const number of numbers) await queue.add("job", number, { priority: 1 + number });
    assert.equal((await queue.getPrioritized()).length, 100);
    const [last] = await queue.getPrioritized(99, 99);
    await last.changePriority({ priority: 1, lifo: true });
    await queue.resume();
    await until("the end of all jobs", () => order.length === 100);
    assert.deepEqual(order.slice().sort((left, right) => left - right), [...Array(100).keys()]);
    const rest = order.filter((number) => number !== last.data);
    assert.deepEqual(rest, [...Array(100).keys()].filter((number) => number !== last.data));
    await queue.obliterate({ force: true });
  });
}

/** A parent is done after its children, and gets what they return. */
async function flow() {
  const producer = new FlowProducer({ connection });
  const done = [];
  async function processor(job) {
    done.push(`${job.name} ${job.data.branch}`);
    const values = Object.values(await job.getChildrenValues());
    return values.reduce((sum, value) => sum + value, job.data.value ?? 0);
  }
  await withQueue("flow", 3, { concurrency: 4 }, processor, async (queue) => {
    const events = new QueueEvents("flow", { connection });
    await events.waitUntilReady();
    const ten = (make) => Array.from({ length: 10 }, (_, number) => make(number));
    const tree = await producer.add({
      name: "root",
      queueName: "flow",
      data: {},
      children: ten((branch) => ({
        name: "branch",
        queueName: "flow",
        data: { branch },
        children: ten((number) => ({ name: "leaf", queueName: "flow", data: { branch, value: 10 * branch + number } })),
      })),
    });
    assert.equal(await tree.job.waitUntilFinished(events, 60_000), (99 * 100) / 2);
    assert.equal(done.length, 111);
    assert.equal(done.indexOf("root undefined"), 110);
    for (let branch = 0; branch < 10; branch++) {
      const before = done.slice(0, done.indexOf(`branch ${branch}`));
      assert.equal(before.filter((name) => name === `leaf ${branch}`).length, 10);
    }
    await events.close();
    await queue.obliterate({ force: true });
  });
  await producer.close();
}

/** No more jobs than the limit are begun in a time. */
async function limited() {
  const begun = [];
  const options = { concurrency: 10, limiter: { max: 10, duration: 300 } };
  await withQueue("limited", 2, options, async () => begun.push(Date.now()), async (queue) => {
    await queue.addBulk(Array.from({ length: 50 }, (_, number) => ({ name: "job", data: { number } })));
    await until("the end of all jobs", () => begun.length === 50);
    begun.sort((left, right) => left - right);
    assert.ok(begun[49] - begun[0] >= 3 * 300, "all at once");
    await queue.obliterate({ force: true });
  });
}

/** A scheduler adds job after job. */
async function scheduled() {
  const done = [];
  await withQueue("scheduled", 2, {}, async (job) => done.push(job.id), async (queue) => {
    await queue.upsertJobScheduler("clock", { every: 20, limit: 10 }, { name: "tick", data: {} });
    await until("ten jobs", () => done.length >= 10);
    assert.equal(new Set(done).size, done.length);
    await queue.removeJobScheduler("clock");
    assert.equal((await queue.getJobSchedulers()).length, 0);
    // Jobs with the same deduplication are one job.
    await queue.pause();
    const first = await queue.add("job", {}, { deduplication: { id: "same" } });
    const second = await queue.add("job", {}, { deduplication: { id: "same" } });
    assert.equal(second.id, first.id);
    await queue.obliterate({ force: true });
  });
}

/** The jobs of a worker that has died are done by another one. */
async function stalled() {
  const options = { connection, lockDuration: 500, stalledInterval: 200 };
  const done = [];
  const queue = new Queue("stalled", { connection });
  const dead = { skipLockRenewal: true, skipStalledCheck: true };
  const dying = new Worker("stalled", () => new Promise(() => {}), { ...options, ...dead });
  // The job may be taken before its client hears that it was added.
  const taken = once(dying, "active");
  await queue.add("job", {});
  await taken;
  const next = new Worker("stalled", async (job) => done.push(job.id), options);
  await until("the rescue", () => done.length === 1);
  await next.close();
  await dying.close(true);
  await queue.obliterate({ force: true });
  await queue.close();
}

const redis = new Redis(connection);
await redis.flushall();
for (const part of [manyJobs, priorities, flow, limited, scheduled, stalled]) {
  await part();
  console.log(`bullmq, ${part.name}: ok`);
}
assert.deepEqual(await redis.keys("*"), []);
await redis.quit();
