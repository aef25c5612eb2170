import { describe, expect, it } from 'vitest';

import { lines, plain, styled } from '../ansi';
import { duration, label, shortName, size } from '../format';

describe('text of a terminal', () => {
  it('keeps its colours and loses its other sequences', () => {
    expect(styled('\x1b[1;32mgood\x1b[0m \x1b[2Kbad\x07')).toEqual([
      { text: 'good', style: 'flyte-ansi-bold flyte-ansi-green' },
      { text: ' ', style: '' },
      { text: 'bad', style: '' }
    ]);
    expect(plain('\x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b[38;5;196mred\x1b[39m')).toBe('link red');
  });

  it('shows what a carriage return leaves', () => {
    expect(lines('10 %\r50 %\r100 %\ndone\r\n')).toEqual(['100 %', 'done']);
    expect(lines('')).toEqual([]);
    expect(lines('\n')).toEqual(['']);
  });
});

describe('numbers for people', () => {
  it.each([
    [0, '0.00 s'],
    [9.994, '9.99 s'],
    [59.94, '59.9 s'],
    [59.96, '1 m 00 s'],
    [3599.6, '1 h 00 m'],
    [-1, '0.00 s']
  ])('write %d seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  it.each([
    [512, '512 B'],
    [1500, '1.5 kB'],
    [20e6, '20 MB'],
    [999_600, '1.0 MB']
  ])('write %d bytes as %s', (bytes, text) => expect(size(bytes)).toBe(text));

  it('name an action by what there is', () => {
    expect(shortName('a.b.c')).toBe('c');
    expect(label({ name: 'a1', phase: 'QUEUED' })).toBe('a1');
    expect(label({ name: 'a1', task: 'm.f', phase: 'QUEUED' })).toBe('f');
  });
});
