/**
 * Places a run's graph: a tree of calls from left to right, in which alike calls are one box until it is opened.
 *
 * A box stands for one action or for many of one task below the same box. An opened box of many becomes a block of
 * small cells, so that ten thousand of them fit a page. Pure: the same state gives the same drawing.
 */
import { ROOT, type RunState } from './advance';
import type { Action } from './events';
import { called, label } from './format';
import type { Marks } from './marks';

/** So many alike calls become one box. */
export const ALIKE = 4;

const BOX = { width: 190, height: 40 };
const CELL = { width: 128, height: 24, gap: 6 };
const ACROSS = 56;
const BESIDE = 14;

/** The wanted width of a block of cells over its height. */
const SHAPE = 1.6;

export interface Box {
  readonly key: string;
  readonly kind: 'action' | 'many' | 'block' | 'cell';
  readonly title: string;
  readonly actions: readonly Action[];
  /** The place of the box that called it among all boxes; -1 for the root. */
  readonly parent: number;
  x: number;
  y: number;
  readonly width: number;
  readonly height: number;
}

export interface Drawing {
  readonly boxes: readonly Box[];
  readonly width: number;
  readonly height: number;
}

interface Branch {
  key: string;
  kind: 'action' | 'many' | 'block';
  title: string;
  actions: Action[];
  below: Branch[];
  width: number;
  height: number;
  /** The height of the branch with all that is below it. */
  whole: number;
}

/**
 * Lay out a run; `open` holds the keys of boxes of many that are opened, `shut` those of boxes whose calls are hidden,
 * `marks` what tells calls of one task apart.
 */
export function layout(
  state: RunState,
  open: ReadonlySet<string>,
  shut: ReadonlySet<string>,
  marks: Marks = new Map()
): Drawing {
  const first = state.actions.get(ROOT) as Action;
  const top = branch(state, ROOT, [first], open, shut, false);
  const boxes: Box[] = [];
  place(top, 0, 0, -1, boxes, marks);
  const width = boxes.reduce((most, box) => Math.max(most, box.x + box.width), 0);
  return { boxes, width, height: top.whole };
}

function branch(
  state: RunState,
  key: string,
  actions: Action[],
  open: ReadonlySet<string>,
  shut: ReadonlySet<string>,
  isBlock: boolean
): Branch {
  const kind = isBlock ? 'block' : actions.length > 1 ? 'many' : 'action';
  const size = isBlock ? blockSize(actions.length) : BOX;
  const below = shut.has(key) ? [] : buckets(state, key, actions, open, shut);
  const inner = below.reduce((sum, one) => sum + one.whole, 0) + BESIDE * Math.max(0, below.length - 1);
  const title = label(actions[0]);
  return { key, kind, title, actions, below, ...size, whole: Math.max(size.height, inner) };
}

/** Put the calls of some actions into branches: alike ones together. */
function buckets(
  state: RunState,
  key: string,
  callers: readonly Action[],
  open: ReadonlySet<string>,
  shut: ReadonlySet<string>
): Branch[] {
  const alike = new Map<string, Action[]>();
  for (const caller of callers) {
    for (const name of state.called.get(caller.name) ?? []) {
      const action = state.actions.get(name);
      if (action) {
        const kind = JSON.stringify([action.task ?? '', action.group ?? '', label(action)]);
        const found = alike.get(kind);
        if (found) {
          found.push(action);
        } else {
          alike.set(kind, [action]);
        }
      }
    }
  }
  const branches: Branch[] = [];
  for (const [kind, actions] of alike) {
    const inner = `${key}/${kind}`;
    if (actions.length === 1 || (callers.length === 1 && actions.length < ALIKE)) {
      branches.push(...actions.map(one => branch(state, one.name, [one], open, shut, false)));
    } else {
      branches.push(branch(state, inner, actions, open, shut, open.has(inner)));
    }
  }
  return branches;
}

function blockSize(count: number): { width: number; height: number } {
  const columns = blockColumns(count);
  const rows = Math.ceil(count / columns);
  return {
    width: columns * (CELL.width + CELL.gap) + CELL.gap,
    height: rows * (CELL.height + CELL.gap) + CELL.gap + CELL.height
  };
}

function blockColumns(count: number): number {
  const ratio = (CELL.height + CELL.gap) / (CELL.width + CELL.gap);
  return Math.max(1, Math.ceil(Math.sqrt(SHAPE * ratio * count)));
}

function place(one: Branch, x: number, y: number, parent: number, boxes: Box[], marks: Marks): void {
  const at = boxes.length;
  const top = y + (one.whole - one.height) / 2;
  const { key, kind, actions, width, height } = one;
  const title = kind === 'action' ? called(actions[0], marks) : one.title;
  boxes.push({ key, kind, title, actions, parent, x, y: top, width, height });
  if (kind === 'block') {
    placeCells(one, x, top, at, boxes, marks);
  }
  const inner =
    one.below.reduce((sum, below) => sum + below.whole, 0) + BESIDE * Math.max(0, one.below.length - 1);
  let next = y + (one.whole - inner) / 2;
  for (const below of one.below) {
    place(below, x + width + ACROSS, next, at, boxes, marks);
    next += below.whole + BESIDE;
  }
}

function placeCells(block: Branch, x: number, y: number, at: number, boxes: Box[], marks: Marks): void {
  const columns = blockColumns(block.actions.length);
  block.actions.forEach((action, i) => {
    boxes.push({
      key: action.name,
      kind: 'cell',
      title: marks.get(action.name) ?? action.name,
      actions: [action],
      parent: at,
      x: x + CELL.gap + (i % columns) * (CELL.width + CELL.gap),
      y: y + CELL.height + CELL.gap + Math.floor(i / columns) * (CELL.height + CELL.gap),
      width: CELL.width,
      height: CELL.height
    });
  });
}
