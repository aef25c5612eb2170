/** Counts the actions that are running in a store. */
import { type ISignal, Signal } from '@lumino/signaling';

import type { IRuns } from './tokens';

const GOING = 'RUNNING,QUEUED,INITIALIZING,WAITING_FOR_RESOURCES,PAUSED';
const GATHER = 1000;

export class Running {
  constructor(
    private readonly _runs: IRuns,
    private readonly _near: () => string
  ) {
    _runs.changed.connect(this._heard, this);
    this._heard();
  }

  runs = 0;
  /** Actions that have not ended, the roots of the runs included. */
  actions = 0;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  private _heard(): void {
    this._timer ??= setTimeout(() => {
      this._timer = undefined;
      void this._count();
    }, GATHER);
  }

  private async _count(): Promise<void> {
    try {
      const page = await this._runs.api.runs(this._near(), { phase: GOING, limit: 500 });
      this.runs = page.total;
      this.actions = page.runs.reduce((sum, row) => sum + Math.max(0, row.actions - row.done), 0);
    } catch {
      this.runs = this.actions = 0; // there is no server part
    }
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _timer: ReturnType<typeof setTimeout> | undefined;
}
