import { describe, expect, it, vi } from 'vitest';

import type { RunRow } from '../api';
import { belowRoot } from '../listing';

// The real one wants a browser's page.
vi.mock('@jupyterlab/services', () => ({ ServerConnection: {} }));
vi.mock('@jupyterlab/coreutils', () => ({ URLExt: {} }));

function row(given: Partial<RunRow>): RunRow {
  return { phase: 'SUCCEEDED', actions: 1, done: 0, failed: 0, ...given } as RunRow;
}

describe('what the list says of the actions of a run', () => {
  it.each([
    ['that goes on', row({ phase: 'RUNNING', actions: 6, done: 2 }), { actions: 5, done: 2, failed: 0 }],
    ['that has ended', row({ actions: 6, done: 6 }), { actions: 5, done: 5, failed: 0 }],
    [
      'that failed',
      row({ phase: 'FAILED', actions: 6, done: 6, failed: 2 }),
      { actions: 5, done: 5, failed: 1 }
    ],
    [
      'that was cut off',
      row({ phase: 'INTERRUPTED', actions: 6, done: 3 }),
      { actions: 5, done: 3, failed: 0 }
    ],
    ['of one action', row({ done: 1 }), { actions: 0, done: 0, failed: 0 }]
  ])('counts those below the root of a run %s, as its view does', (_, given, expected) => {
    expect(belowRoot(given)).toEqual(expected);
  });
});
