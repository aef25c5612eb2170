/// <reference types="node" />
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { advance, fold, fromPlain, toPlain, type RunState } from '../advance';
import type { Event, PlainRun } from '../events';

const GOLDEN = join(__dirname, '..', '..', '..', 'tests', 'golden');
const names = readdirSync(GOLDEN)
  .filter(name => name.endsWith('.events.jsonl'))
  .map(name => name.replace('.events.jsonl', ''));

function events(name: string): Event[] {
  const lines = readFileSync(join(GOLDEN, `${name}.events.jsonl`), 'utf-8')
    .trim()
    .split('\n');
  return lines.map(line => JSON.parse(line) as Event);
}

function golden(name: string): PlainRun {
  return JSON.parse(readFileSync(join(GOLDEN, `${name}.state.json`), 'utf-8')) as PlainRun;
}

function plain(state: RunState | null): unknown {
  return state && JSON.parse(JSON.stringify(toPlain(state)));
}

describe('the fold', () => {
  it('has golden logs to agree with', () => {
    expect(names.length).toBeGreaterThan(8);
  });

  it.each(names)('of %s is what Python folds', name => {
    expect(plain(fold(events(name)))).toEqual(golden(name));
  });

  it.each(names)('of %s goes on from a state that was read', name => {
    const log = events(name);
    for (let cut = 1; cut < log.length; cut++) {
      const half = JSON.parse(JSON.stringify(plain(fold(log.slice(0, cut))))) as PlainRun;
      const state = log
        .slice(cut)
        .reduce<RunState>((before, event) => advance(before, event), fromPlain(half));
      expect(plain(state)).toEqual(golden(name));
    }
  });

  it('of nothing is nothing', () => {
    expect(fold([])).toBeNull();
  });

  it('never changes an action that was handed out', () => {
    const log = events('nested');
    let state: RunState | null = null;
    for (const event of log) {
      const before = new Map(state?.actions);
      const copy = JSON.stringify([...before.values()]);
      state = advance(state, event);
      expect(JSON.stringify([...before.values()])).toBe(copy);
    }
  });

  it('keeps the order of calls', () => {
    const state = fold(events('nested')) as RunState;
    expect([...(state.called.get('a0') ?? [])]).toEqual(['a1', 'a5']);
  });
});
