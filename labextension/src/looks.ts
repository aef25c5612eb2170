/** How each state of an action looks: a word, a symbol and a colour of the theme, never the colour alone. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Action, Phase } from './events';

export type Look = Phase | 'CACHED';

interface ILook {
  readonly symbol: string;
  /** A colour of the theme. */
  readonly colour: string;
  /** The smaller, the more a person wants to see it first. */
  readonly urgent: number;
}

const GREY = '--jp-ui-font-color2';

export const LOOKS: Readonly<Record<Look, ILook>> = {
  QUEUED: { symbol: '○', colour: GREY, urgent: 7 },
  WAITING_FOR_RESOURCES: { symbol: '◌', colour: GREY, urgent: 6 },
  INITIALIZING: { symbol: '◔', colour: '--jp-info-color1', urgent: 5 },
  RUNNING: { symbol: '●', colour: '--jp-info-color1', urgent: 4 },
  SUCCEEDED: { symbol: '✓', colour: '--jp-success-color1', urgent: 9 },
  FAILED: { symbol: '✗', colour: '--jp-error-color1', urgent: 0 },
  ABORTED: { symbol: '■', colour: '--jp-warn-color1', urgent: 2 },
  TIMED_OUT: { symbol: '◷', colour: '--jp-error-color1', urgent: 1 },
  PAUSED: { symbol: '‖', colour: '--jp-warn-color1', urgent: 6 },
  RECOVERED: { symbol: '↺', colour: '--jp-success-color1', urgent: 8 },
  INTERRUPTED: { symbol: '⊘', colour: '--jp-warn-color1', urgent: 3 },
  CACHED: { symbol: '◆', colour: '--jp-success-color1', urgent: 10 }
};

/** Phases of which a person wants to know why. */
export const BAD: ReadonlySet<Look> = new Set<Look>(['FAILED', 'TIMED_OUT', 'ABORTED', 'INTERRUPTED']);

/** What a state is called. */
export function word(look: Look, trans: TranslationBundle): string {
  switch (look) {
    case 'QUEUED':
      return trans.__('queued');
    case 'WAITING_FOR_RESOURCES':
      return trans.__('waiting');
    case 'INITIALIZING':
      return trans.__('starting');
    case 'RUNNING':
      return trans.__('running');
    case 'SUCCEEDED':
      return trans.__('succeeded');
    case 'FAILED':
      return trans.__('failed');
    case 'ABORTED':
      return trans.__('aborted');
    case 'TIMED_OUT':
      return trans.__('timed out');
    case 'PAUSED':
      return trans.__('paused');
    case 'RECOVERED':
      return trans.__('recovered');
    case 'INTERRUPTED':
      return trans.__('interrupted');
    case 'CACHED':
      return trans.__('cached');
  }
}

/** Find how an action looks: what succeeded without running is told apart. */
export function lookOf(action: Action): Look {
  if (action.phase !== 'SUCCEEDED') {
    return action.phase;
  }
  return action.cache === 'hit' ? 'CACHED' : action.cache === 'replayed' ? 'RECOVERED' : 'SUCCEEDED';
}

/** Count looks, the most urgent first. */
export function tally(actions: Iterable<Action>): Map<Look, number> {
  const counts = new Map<Look, number>();
  for (const action of actions) {
    const look = lookOf(action);
    counts.set(look, (counts.get(look) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a], [b]) => LOOKS[a].urgent - LOOKS[b].urgent));
}

/** Tell counts in words. */
export function told(counts: ReadonlyMap<Look, number>, trans: TranslationBundle): string {
  return [...counts].map(([look, count]) => `${count.toLocaleString()} ${word(look, trans)}`).join(', ');
}

/** The most urgent of some looks. */
export function first(counts: ReadonlyMap<Look, number>): Look {
  for (const look of counts.keys()) {
    return look;
  }
  return 'QUEUED';
}
