/** Keeps a badge above each cell of a notebook that is a task, or that is out of date. */
import type { Cell } from '@jupyterlab/cells';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import type { PanelLayout } from '@lumino/widgets';

import type { IRuns } from './tokens';
import { BadgeWidget, type IBadge } from './views/Badge';

const MODULE = '__import__("flyte_jupyter.notebook.badges", fromlist=["badges"])';
const IS_LOADED = '__import__("sys").modules.get("flyte_jupyter.notebook.extension")';
const GATHER = 250;

/** Asks the notebook's kernel beside its cells: no cell runs, nothing enters its history. */
export async function asked<T>(kernel: Kernel.IKernelConnection, expression: string): Promise<T | null> {
  const code = `${IS_LOADED} and ${MODULE}.${expression}`;
  const reply = await kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    user_expressions: { found: code }
  }).done;
  const content = reply.content as { user_expressions?: { found?: { data?: Record<string, unknown> } } };
  return (content.user_expressions?.found?.data?.['application/json'] as T | undefined) ?? null;
}

export class Badges implements IDisposable {
  constructor(private readonly _options: Badges.IOptions) {
    const { panel, runs } = _options;
    NotebookActions.executed.connect(this._executed, this);
    NotebookActions.executionScheduled.connect(this._scheduled, this);
    runs.changed.connect(this._onRuns, this);
    panel.sessionContext.statusChanged.connect(this._onStatus, this);
    panel.model?.cells.changed.connect(this.refresh, this);
    panel.disposed.connect(this.dispose, this);
    void panel.sessionContext.ready.then(() => this.refresh());
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      clearTimeout(this._timer);
      NotebookActions.executed.disconnect(this._executed, this);
      NotebookActions.executionScheduled.disconnect(this._scheduled, this);
      this._options.runs.changed.disconnect(this._onRuns, this);
    }
  }

  /** Ask the kernel, a moment from now. */
  refresh(): void {
    if (!this._isDisposed) {
      this._timer ??= setTimeout(() => {
        this._timer = undefined;
        void this._ask();
      }, GATHER);
    }
  }

  private async _ask(): Promise<void> {
    const kernel = this._options.panel.sessionContext.session?.kernel;
    if (!kernel || this._isDisposed || !this._options.isOn()) {
      return;
    }
    try {
      this._known = (await asked<Record<string, IBadge>>(kernel, 'badges()')) ?? {};
      this._show();
    } catch {
      return; // the kernel was restarted or has gone meanwhile
    }
  }

  private _show(): void {
    for (const cell of this._options.panel.content.widgets) {
      const badge = this._badgeOf(cell);
      const shown = this._shown.get(cell);
      if (shown && !shown.isDisposed) {
        shown.badge = badge;
      } else if (badge && !cell.isDisposed) {
        const widget = new BadgeWidget(
          this._options.trans,
          () => void this._options.explain(cell.model.id, this)
        );
        widget.badge = badge;
        this._shown.set(cell, widget);
        (cell.layout as PanelLayout).insertWidget(1, widget); // between the cell's header and its input
      }
    }
  }

  /** Tell what is known of a cell; one that did not run yet is known by its text and metadata only. */
  private _badgeOf(cell: Cell): IBadge | null {
    if (cell.model.type !== 'code') {
      return null;
    }
    const known = this._known[cell.model.id];
    const said = (cell.model.getMetadata('flyte') as { task?: unknown } | undefined)?.task;
    const magic = /^\s*%%flyte_task(?:[ \t]+([A-Za-z_]\w*))?/.exec(cell.model.sharedModel.getSource());
    const named = typeof said === 'string' && said ? said : magic?.[1];
    if (!known && !said && !magic) {
      return null;
    }
    const state = this._going.has(cell.model.id) ? 'running' : (known?.state ?? 'new');
    return { title: named ?? known?.title ?? '', state, task: known?.task ?? true };
  }

  private _scheduled(_: unknown, args: { notebook: unknown; cell: Cell }): void {
    if (args.notebook === this._options.panel.content) {
      this._going.add(args.cell.model.id);
      this._show();
    }
  }

  private _executed(_: unknown, args: { notebook: unknown; cell: Cell }): void {
    if (args.notebook === this._options.panel.content) {
      this._going.delete(args.cell.model.id);
      this.refresh();
    }
  }

  private _onRuns(): void {
    if (Object.values(this._known).some(badge => badge.state === 'running')) {
      this.refresh();
    }
  }

  private _onStatus(_: unknown, status: Kernel.Status): void {
    if (status === 'restarting' || status === 'dead') {
      this._known = {};
      this._going.clear();
      this._show();
    }
  }

  private _going = new Set<string>();
  private _isDisposed = false;
  private _known: Record<string, IBadge> = {};
  private _shown = new WeakMap<Cell, BadgeWidget>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

export namespace Badges {
  export interface IOptions {
    panel: NotebookPanel;
    runs: IRuns;
    trans: { __(text: string, ...values: unknown[]): string };
    isOn: () => boolean;
    /** Tell a person why a cell is as it is. */
    explain: (cell: string, badges: Badges) => Promise<void>;
  }
}
