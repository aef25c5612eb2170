import { Signal } from '@lumino/signaling';
import { describe, expect, it, vi } from 'vitest';

import { root } from '../advance';
import { type Api, RequestError } from '../api';
import type { Event } from '../events';
import { Runs, SCHEMA } from '../runs';
import type { IFollowed } from '../tokens';

// The real one wants a browser's page; the tests give an Api of their own.
vi.mock('@jupyterlab/services', () => ({ ServerConnection: {} }));
vi.mock('@jupyterlab/coreutils', () => ({ URLExt: {} }));

const LOG: Event[] = [
  { kind: 'run', run: 'r', action: 'a0', time: 1, task: 't' },
  { kind: 'queued', run: 'r', action: 'a0', time: 1, task: 't', name: 't' },
  { kind: 'started', run: 'r', action: 'a0', time: 2, attempt: 1 },
  { kind: 'succeeded', run: 'r', action: 'a0', time: 3 }
];

/** A store of one run, of which some events have happened. */
class Store {
  happened = 2;
  asked: string[] = [];

  async state() {
    this.asked.push('state');
    const plain = {
      name: 'r',
      started: 1,
      phase: 'QUEUED',
      ended: null,
      actions: [{ name: 'a0', phase: 'QUEUED' }]
    };
    return { last: 2, state: plain };
  }

  async events(_near: string, _run: string, after: number) {
    this.asked.push(`events ${after}`);
    const found = LOG.slice(0, this.happened).map((event, i) => [i + 1, event] as [number, Event]);
    return { events: found.filter(([number]) => number > after), more: false };
  }
}

function setUp(store: Partial<Record<keyof Api, unknown>> | Store) {
  const bus = new Signal<object, { schema_id: string }>({});
  const runs = new Runs({ api: store as unknown as Api, events: bus as never, poll: 1e6 });
  const tell = (change: object) => bus.emit({ schema_id: SCHEMA, runs: [change] } as never);
  return { runs, tell };
}

function next(run: IFollowed): Promise<void> {
  return new Promise(done => {
    const told = () => {
      run.changed.disconnect(told);
      done();
    };
    run.changed.connect(told);
  });
}

describe('a run that is followed', () => {
  it('begins with a state and goes on with events', async () => {
    const store = new Store();
    const { runs, tell } = setUp(store);
    const run = runs.follow('r', '');
    await next(run);
    expect(root(run.state as never).phase).toBe('QUEUED');

    store.happened = 4;
    tell({ run: 'r', last: 4 });
    await next(run);

    expect(root(run.state as never).phase).toBe('SUCCEEDED');
    expect(store.asked).toEqual(['state', 'events 2']);
  });

  it('asks nothing for what it knows, or for other runs', async () => {
    const store = new Store();
    const { runs, tell } = setUp(store);
    await next(runs.follow('r', ''));

    tell({ run: 'r', last: 2 });
    tell({ run: 'other', last: 9 });

    expect(store.asked).toEqual(['state']);
  });

  it('is asked for once, whoever follows it', async () => {
    const store = new Store();
    const { runs } = setUp(store);
    const [one, other] = [runs.follow('r', ''), runs.follow('r', '')];
    await next(one);

    expect(other.state).toBe(one.state);
    expect(store.asked).toEqual(['state']);
  });

  it('says why nothing is known of it', async () => {
    const { runs } = setUp({ state: () => Promise.reject(new RequestError('no such run', 404)) });
    const run = runs.follow('r', '');
    await next(run);

    expect(run.state).toBeNull();
    expect(run.problem).toBe('no such run');
  });

  it('tells of lines that were logged', async () => {
    const { runs, tell } = setUp(new Store());
    const run = runs.follow('r', '');
    await next(run);

    tell({ run: 'r', logs: 7 });

    expect(run.logs).toBe(7);
  });

  it('is silent once it is disposed of', async () => {
    const store = new Store();
    const { runs, tell } = setUp(store);
    const run = runs.follow('r', '');
    await next(run);

    run.dispose();
    tell({ run: 'r', last: 9 });

    expect(store.asked).toEqual(['state']);
  });
});
