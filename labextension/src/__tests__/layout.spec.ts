import { describe, expect, it } from 'vitest';

import { fold, type RunState } from '../advance';
import type { Event } from '../events';
import { ALIKE, layout, type Box } from '../layout';
import { rows } from '../rows';
import { beside, fit, hit, reveal, zoom } from '../sight';

/** A run whose root calls `count` actions, each of which calls one more. */
function wide(count: number): RunState {
  const queued = (action: string, parent: string | null, task: string): Event => ({
    kind: 'queued',
    run: 'r',
    action,
    time: 1,
    task,
    name: task,
    parent
  });
  const events: Event[] = [
    { kind: 'run', run: 'r', action: 'a0', time: 0, task: 'main' },
    queued('a0', null, 'main')
  ];
  for (let i = 0; i < count; i++) {
    events.push(queued(`a${i + 1}`, 'a0', 'step'), queued(`b${i + 1}`, `a${i + 1}`, 'leaf'));
  }
  return fold(events) as RunState;
}

const none: ReadonlySet<string> = new Set();

function overlaps(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

describe('the layout', () => {
  it('draws a few calls one by one', () => {
    expect(layout(wide(ALIKE - 1), none, none).boxes.map(box => box.kind)).toEqual(Array(7).fill('action'));
  });

  it('puts alike calls, and what they call, into one box each', () => {
    const { boxes } = layout(wide(100), none, none);
    expect(boxes.map(box => [box.kind, box.title, box.actions.length])).toEqual([
      ['action', 'main', 1],
      ['many', 'step', 100],
      ['many', 'leaf', 100]
    ]);
  });

  it('tells calls of one task apart by their marks', () => {
    const marks = new Map([
      ['a1', 'EWR'],
      ['b2', 'x=2']
    ]);
    const few = layout(wide(2), none, none, marks).boxes.map(box => box.title);
    expect(few).toEqual(['main', 'step(EWR)', 'leaf', 'step', 'leaf(x=2)']);
    const state = wide(40);
    const many = layout(state, none, none).boxes[1];
    const cells = layout(state, new Set([many.key]), none, marks).boxes.filter(box => box.kind === 'cell');
    expect(cells.slice(0, 2).map(box => box.title)).toEqual(['EWR', 'a2']);
    expect(rows(wide(2), none, 'ewr', marks).map(row => row.action.name)).toEqual(['a1']);
  });

  it('opens a box of many into cells that do not overlap', () => {
    const state = wide(40);
    const many = layout(state, none, none).boxes[1];
    const { boxes, width, height } = layout(state, new Set([many.key]), none);
    const cells = boxes.filter(box => box.kind === 'cell');
    expect(cells.length).toBe(40);
    const apart = boxes.filter(box => box.kind !== 'block');
    apart.forEach((one, i) => apart.slice(i + 1).forEach(other => expect(overlaps(one, other)).toBe(false)));
    boxes.forEach(box =>
      expect(box.x >= 0 && box.x + box.width <= width + 1 && box.y + box.height <= height + 1).toBe(true)
    );
  });

  it('hides what a shut box called', () => {
    expect(layout(wide(100), none, new Set(['a0'])).boxes.length).toBe(1);
  });

  it('lays out ten thousand cells', () => {
    const state = wide(10_000);
    const many = layout(state, none, none).boxes[1];
    expect(layout(state, new Set([many.key]), none).boxes.length).toBe(10_003);
  });
});

describe('what is seen', () => {
  const drawing = layout(wide(2), none, none);

  it('fits the whole drawing', () => {
    const sight = fit(drawing, 300, 200);
    expect(sight.x).toBeLessThan(0);
    expect(sight.x + 300 / sight.scale).toBeGreaterThan(drawing.width);
  });

  it('keeps what is under the pointer while it zooms', () => {
    const before = { x: 10, y: 20, scale: 0.5 };
    const after = zoom(before, 2, 100, 50, 0.1);
    expect(after.x + 100 / after.scale).toBeCloseTo(before.x + 100 / before.scale);
  });

  it('moves to a box, and finds it there', () => {
    const box = drawing.boxes[drawing.boxes.length - 1];
    const sight = reveal({ x: 0, y: 0, scale: 1 }, box, 260, 100);
    const [x, y] = [box.x + 5 - sight.x, box.y + 5 - sight.y];
    expect(hit(drawing, sight, x, y)).toBe(box);
    expect(x > 0 && x < 260 && y > 0 && y < 100).toBe(true);
  });

  it('leads from box to box by arrow keys', () => {
    const walk = (keys: string[]) => keys.reduce((at, key) => beside(drawing, at, key)?.key ?? at, 'a0');
    expect(walk(['ArrowRight'])).toBe('a1');
    expect(walk(['ArrowRight', 'ArrowDown', 'ArrowRight'])).toBe('b2');
    expect(walk(['ArrowRight', 'ArrowLeft'])).toBe('a0');
    expect(walk(['ArrowUp'])).toBe('a0');
  });
});

describe('the rows', () => {
  it('are the tree, depth first', () => {
    const found = rows(wide(2), none);
    expect(found.map(row => [row.action.name, row.level])).toEqual([
      ['a0', 1],
      ['a1', 2],
      ['b1', 3],
      ['a2', 2],
      ['b2', 3]
    ]);
  });

  it('leave out what is in a shut one', () => {
    expect(rows(wide(2), new Set(['a1'])).map(row => row.action.name)).toEqual(['a0', 'a1', 'a2', 'b2']);
  });

  it('are those that hold a text', () => {
    expect(rows(wide(3), new Set(['a0']), 'LEAF').map(row => row.action.name)).toEqual(['b1', 'b2', 'b3']);
  });
});
