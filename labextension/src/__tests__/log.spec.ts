import { describe, expect, it } from 'vitest';

import type { LogRow } from '../api';
import { joined, type Line, LogText } from '../log';

function read(rows: LogRow[], goes_on = false): [number, number, string][] {
  const log = new LogText();
  log.take({ rows, goes_on });
  return log.lines.map(line => [line.row, line.at, line.text]);
}

const row = (number: number, text: string, stream = 'stdout', attempt = 1): LogRow => [
  number,
  attempt,
  0,
  stream,
  text
];

describe('the rows of a log', () => {
  it('become lines that are known by where they begin', () => {
    expect(read([row(3, 'a\nb\n'), row(5, 'c\n')])).toEqual([
      [3, 0, 'a'],
      [3, 1, 'b'],
      [5, 0, 'c']
    ]);
  });

  it('go on with a line of the same stream and attempt', () => {
    expect(read([row(1, 'a'), row(2, 'b'), row(3, 'c\nd\n')])).toEqual([
      [1, 0, 'abc'],
      [3, 0, 'd']
    ]);
    expect(read([row(1, 'a'), row(2, 'b\n', 'stderr'), row(3, 'c', 'stderr', 2)])).toEqual([
      [1, 0, 'a'],
      [2, 0, 'b'],
      [3, 0, 'c']
    ]);
  });

  it('may begin with the end of a line that was not read', () => {
    expect(read([row(7, 'end\nnext\n')], true)).toEqual([
      [7, -1, 'end'],
      [7, 0, 'next']
    ]);
  });

  it('leave of a line that is drawn again and again what was drawn last', () => {
    expect(read([row(1, ' 1 %'), row(2, '\r50 %\r'), row(3, '99 %'), row(4, '\r\ndone')])).toEqual([
      [1, 0, '99 %'],
      [4, 0, 'done']
    ]);
  });

  it('keep empty lines', () => {
    expect(read([row(1, 'a\n\n'), row(2, '\nb\n')]).map(line => line[2])).toEqual(['a', '', '', 'b']);
  });
});

describe('lines that were found', () => {
  const line = (at: number, text: string): Line => ({
    row: 1,
    at,
    attempt: 1,
    time: 0,
    stream: 'stdout',
    text
  });

  it('are not told twice when one was without an end', () => {
    const found = joined([line(0, 'a'), line(1, 'b')], [line(1, 'b and more'), line(2, 'c')]);

    expect(found.map(one => one.text)).toEqual(['a', 'b and more', 'c']);
    expect(joined(found, [])).toEqual(found);
  });
});
