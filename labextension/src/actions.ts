/** What a person does with runs: stop one, run it again, open it, compare two. */
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { NotebookActions } from '@jupyterlab/notebook';
import { isTerminal } from './advance';
import type { IRunActions, IRuns } from './tokens';

/** Where runs are opened. */
export interface IPlaces {
  open(name: string, near: string, action?: string): void;
  compare(before: string, after: string, near: string): void;
}

export class RunActions implements IRunActions {
  constructor(private readonly _options: RunActions.IOptions) {}

  open(name: string, near: string, action?: string): void {
    this._options.places.open(name, near, action);
  }

  compare(before: string, after: string, near: string): void {
    this._options.places.compare(before, after, near);
  }

  /** Stop a run; the server asks the process that drives it, which hears that while it is busy, too. */
  async abort(name: string, near: string): Promise<void> {
    const { runs, report } = this._options;
    try {
      const phase = await runs.api.abort(near, name);
      runs.refresh(name);
      if (!isTerminal(phase)) {
        report(
          this._options.trans.__(
            'Run %1 was interrupted and goes on. Restart the kernel that drives it.',
            name
          )
        );
      }
    } catch (error) {
      report(error instanceof Error ? error.message : String(error));
    }
  }

  canRerun(name: string, near: string): boolean {
    const panel = this._panel(near);
    return !!panel?.sessionContext.session?.kernel && !!name;
  }

  /** Put a cell that runs it again at the end of its notebook, and run that. */
  async rerun(name: string, near: string): Promise<void> {
    const panel = this._panel(near);
    const cells = panel?.model?.sharedModel;
    if (!panel || !cells) {
      return;
    }
    const source = `%flyte rerun ${name}`;
    const at = cells.cells.length;
    cells.insertCell(at, { cell_type: 'code', source, metadata: { trusted: true } });
    panel.content.activeCellIndex = at;
    this._options.reveal(panel);
    await NotebookActions.run(panel.content, panel.sessionContext);
  }

  /** Find the open notebook of a path. */
  private _panel(near: string): NotebookPanel | null {
    return near ? (this._options.notebooks?.find(panel => panel.context.path === near) ?? null) : null;
  }
}

export namespace RunActions {
  export interface IOptions {
    runs: IRuns;
    places: IPlaces;
    notebooks: INotebookTracker | null;
    trans: { __(text: string, ...values: unknown[]): string };
    /** Bring a notebook to the front. */
    reveal: (panel: NotebookPanel) => void;
    /** Tell a person what went wrong. */
    report: (message: string) => void;
  }
}
