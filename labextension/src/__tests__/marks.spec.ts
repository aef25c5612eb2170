import { describe, expect, it, vi } from 'vitest';

import { Marking } from '../marks';

describe('what tells calls apart', () => {
  it('is asked for once there are two calls, and again when there are more', async () => {
    vi.useFakeTimers();
    const ask = vi.fn(async () => ({ a1: '1', a2: '2' }));
    const told = vi.fn();
    const marking = new Marking(ask, told, 100);

    marking.grown(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(ask).not.toHaveBeenCalled();
    marking.grown(3);
    await vi.advanceTimersByTimeAsync(0);
    expect([ask.mock.calls.length, marking.found.get('a2')]).toEqual([1, '2']);
    marking.grown(4);
    marking.grown(5);
    marking.grown(5);
    await vi.advanceTimersByTimeAsync(99);
    expect(ask).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect([ask.mock.calls.length, told.mock.calls.length]).toEqual([2, 2]);
    vi.useRealTimers();
  });

  it('is done without where the server cannot tell', async () => {
    vi.useFakeTimers();
    const told = vi.fn();
    const marking = new Marking(async () => Promise.reject(new Error('404')), told, 100);
    marking.grown(3);
    await vi.advanceTimersByTimeAsync(500);
    expect([told.mock.calls.length, marking.found.size]).toEqual([0, 0]);
    vi.useRealTimers();
  });
});
