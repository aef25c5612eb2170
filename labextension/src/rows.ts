/** The tree of a run's actions as a list of rows, for a table that draws only what is seen. */
import { ROOT, type RunState } from './advance';
import type { Action } from './events';
import { called } from './format';
import type { Marks } from './marks';

export interface Row {
  readonly action: Action;
  /** 1 for the root. */
  readonly level: number;
  readonly place: number;
  readonly siblings: number;
  readonly hasBelow: boolean;
  readonly isOpen: boolean;
}

/** List the actions that are not hidden in a shut one; with a text, those that hold it, whatever is shut. */
export function rows(state: RunState, shut: ReadonlySet<string>, text = '', marks: Marks = new Map()): Row[] {
  if (text) {
    return matching(state, text.toLowerCase(), marks);
  }
  const found: Row[] = [];
  add(state, ROOT, 1, 1, 1, shut, found);
  return found;
}

function add(
  state: RunState,
  name: string,
  level: number,
  at: number,
  siblings: number,
  shut: ReadonlySet<string>,
  found: Row[]
): void {
  const action = state.actions.get(name);
  if (!action) {
    return;
  }
  const below = state.called.get(name);
  const isOpen = !!below && !shut.has(name);
  found.push({ action, level, place: at, siblings, hasBelow: !!below, isOpen });
  if (isOpen) {
    let next = 1;
    for (const child of below) {
      add(state, child, level + 1, next++, below.size, shut, found);
    }
  }
}

function matching(state: RunState, text: string, marks: Marks): Row[] {
  const actions = [...state.actions.values()].filter(action =>
    `${called(action, marks)}\n${action.name}\n${action.task ?? ''}\n${action.group ?? ''}\n${action.phase}`
      .toLowerCase()
      .includes(text)
  );
  return actions.map((action, i) => ({
    action,
    level: 1,
    place: i + 1,
    siblings: actions.length,
    hasBelow: false,
    isOpen: false
  }));
}
