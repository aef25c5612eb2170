/** The list of runs: what is asked for, the pages that have come, kept up to date as runs go on. */
import { type ISignal, Signal } from '@lumino/signaling';

import { isTerminal } from './advance';
import type { Query, RunRow } from './api';
import type { IRuns } from './tokens';

/** So many runs come at once. */
const PAGE = 100;
const MOST = 500;

/** Changes are gathered for so many milliseconds. */
const GATHER = 300;

export interface IAsked {
  readonly text: string;
  readonly phase: string;
  readonly sort: string;
  readonly order: 'asc' | 'desc';
}

export class Listing {
  constructor(options: Listing.IOptions) {
    this._runs = options.runs;
    this._gather = options.gather ?? GATHER;
    this._runs.changed.connect(this._heard, this);
  }

  rows: readonly RunRow[] = [];
  total = 0;
  problem = '';
  isLoaded = false;

  /** The path of a notebook that uses the store; empty for that of the server's folder. */
  get near(): string {
    return this._near;
  }

  set near(near: string) {
    if (near !== this._near) {
      this._near = near;
      void this._load({ limit: PAGE }, fresh => [...fresh]);
    }
  }

  get asked(): IAsked {
    return this._asked;
  }

  set asked(asked: IAsked) {
    if (JSON.stringify(asked) !== JSON.stringify(this._asked)) {
      this._asked = asked;
      void this._load({ limit: PAGE }, fresh => [...fresh]);
    }
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Load what is shown anew, from the beginning. */
  async reload(): Promise<void> {
    const limit = Math.min(MOST, Math.max(PAGE, this.rows.length));
    await this._load({ limit }, fresh => {
      const names = new Set(fresh.map(row => row.name));
      return [...fresh, ...this.rows.slice(limit).filter(row => !names.has(row.name))];
    });
  }

  /** Load the next page, if there is one. */
  async more(): Promise<void> {
    const cursor = this._next;
    if (cursor && !this._loading) {
      await this._load({ limit: PAGE, cursor }, fresh => [...this.rows, ...fresh]);
    }
  }

  dispose(): void {
    clearTimeout(this._timer);
    this._abort.abort();
    this._runs.changed.disconnect(this._heard, this);
    Signal.clearData(this);
  }

  private async _load(query: Query, joined: (fresh: readonly RunRow[]) => RunRow[]): Promise<void> {
    this._abort.abort();
    const abort = (this._abort = new AbortController());
    this._loading = true;
    try {
      const page = await this._runs.api.runs(this._near, { ...this._asked, ...query }, abort.signal);
      if (abort.signal.aborted) {
        return;
      }
      this.rows = joined(page.runs);
      this._next = this.rows.length >= page.total ? null : (page.next ?? this._next);
      this.total = page.total;
      this.problem = '';
    } catch (error) {
      if (abort.signal.aborted) {
        return;
      }
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this._loading = false;
    this.isLoaded = true;
    this._changed.emit();
  }

  private _heard(): void {
    this._timer ??= setTimeout(() => {
      this._timer = undefined;
      void this.reload();
    }, this._gather);
  }

  private _abort = new AbortController();
  private _asked: IAsked = { text: '', phase: '', sort: 'started', order: 'desc' };
  private _changed = new Signal<this, void>(this);
  private _gather: number;
  private _loading = false;
  private _near = '';
  private _next: string | null = null;
  private _runs: IRuns;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

export namespace Listing {
  export interface IOptions {
    runs: IRuns;
    gather?: number;
  }
}

/** The older run first. */
export function inOrder(names: readonly string[], rows: readonly RunRow[]): [string, string] {
  const begun = (name: string) => rows.find(row => row.name === name)?.started ?? 0;
  const [one, other] = names;
  return begun(one) <= begun(other) ? [one, other] : [other, one];
}

/** Count the actions that the root has called: how many there are, have ended, and have failed. */
export function belowRoot(row: RunRow): { actions: number; done: number; failed: number } {
  const hasEnded = isTerminal(row.phase) && row.phase !== 'INTERRUPTED'; // an interrupted action has no end
  const hasFailed = row.phase === 'FAILED' || row.phase === 'TIMED_OUT';
  return {
    actions: Math.max(0, row.actions - 1),
    done: row.done - Number(hasEnded),
    failed: row.failed - Number(hasFailed)
  };
}
