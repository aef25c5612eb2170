/** The commands: their ids, what they say and what they do. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ICommandPalette } from '@jupyterlab/apputils';
import { type INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { isTerminal } from './advance';
import { inOrder } from './listing';
import type { IRunActions, IRuns } from './tokens';
import type { RunListWidget } from './views/RunList';

export namespace CommandIDs {
  export const show = 'flyte:show-runs';
  export const openLast = 'flyte:open-last-run';
  export const stop = 'flyte:stop-run';
  export const stopAll = 'flyte:stop-all-runs';
  export const rerun = 'flyte:rerun';
  export const compare = 'flyte:compare-runs';
  export const makeTask = 'flyte:toggle-cell-task';
  export const runStale = 'flyte:run-stale-cells';
}

interface IOptions {
  app: JupyterFrontEnd;
  list: RunListWidget;
  runs: IRuns;
  actions: IRunActions;
  notebooks: INotebookTracker | null;
  palette: ICommandPalette | null;
  trans: TranslationBundle;
}

interface ICommand {
  readonly label: string;
  readonly caption?: string;
  readonly isEnabled?: () => boolean;
  readonly execute: (args: ReadonlyPartialJSONObject) => unknown;
  /** The command takes the name of a run, as `run`. */
  readonly takesRun?: boolean;
}

/** Add the commands, also to the palette. */
export function addCommands(options: IOptions): void {
  const { app, palette, trans } = options;
  const commands = { ...runCommands(options), ...cellCommands(options) };
  for (const [id, command] of Object.entries(commands)) {
    const { takesRun, ...given } = command;
    const run = {
      type: 'string',
      description: trans.__('The name of the run; the one that is chosen by default')
    };
    const properties: ReadonlyPartialJSONObject = takesRun ? { run } : {};
    const args = { type: 'object', properties } as ReadonlyJSONObject;
    app.commands.addCommand(id, { ...given, describedBy: { args } });
    palette?.addItem({ command: id, category: trans.__('Flyte') });
  }
  app.shell.currentChanged?.connect(() => app.commands.notifyCommandChanged());
}

function runCommands(options: IOptions): Record<string, ICommand> {
  const { app, list, runs, actions, trans } = options;
  const near = () => list.listing.near;
  const chosen = () => list.chosen.current;
  const named = (args: ReadonlyPartialJSONObject) =>
    typeof args.run === 'string' ? args.run : chosen()?.name;
  const onRun = (act: (name: string) => unknown) => (args: ReadonlyPartialJSONObject) => {
    const name = named(args);
    return name ? act(name) : undefined;
  };
  return {
    [CommandIDs.show]: {
      label: trans.__('Show Runs'),
      execute: () => {
        app.shell.activateById(list.id);
        list.node.focus();
      }
    },
    [CommandIDs.openLast]: {
      label: trans.__('Open the Last Run'),
      execute: async () => {
        const last = (await runs.api.runs(near(), { limit: 1 })).runs[0];
        if (last) {
          actions.open(last.name, near());
        }
      }
    },
    [CommandIDs.stop]: {
      label: trans.__('Stop Run'),
      caption: trans.__('Stop the run that is chosen in the list'),
      takesRun: true,
      execute: onRun(name => actions.abort(name, near()))
    },
    [CommandIDs.stopAll]: {
      label: trans.__('Stop All Runs'),
      execute: async () => {
        const found = await runs.api.runs(near(), { limit: 500 });
        const going = found.runs.filter(row => !isTerminal(row.phase));
        await Promise.all(going.map(row => actions.abort(row.name, near())));
      }
    },
    [CommandIDs.rerun]: {
      label: trans.__('Rerun'),
      caption: trans.__('Run the run that is chosen again, in a new cell of the current notebook'),
      takesRun: true,
      execute: onRun(name => actions.rerun(name, near()))
    },
    [CommandIDs.compare]: {
      label: trans.__('Compare the Marked Runs'),
      execute: () => {
        const { marked } = list.chosen;
        return marked.length === 2
          ? actions.compare(...inOrder(marked, list.listing.rows), near())
          : undefined;
      }
    }
  };
}

function cellCommands(options: IOptions): Record<string, ICommand> {
  const { notebooks, trans } = options;
  const panel = () => notebooks?.currentWidget ?? null;
  const hasNotebook = () => panel() !== null;
  const insert = async (source: string) => {
    const current = panel();
    if (current?.model) {
      NotebookActions.insertBelow(current.content);
      current.content.activeCell?.model.sharedModel.setSource(source);
      await NotebookActions.run(current.content, current.sessionContext);
    }
  };
  return {
    [CommandIDs.makeTask]: {
      label: trans.__('Make the Cell a Task, or a Plain Cell Again'),
      isEnabled: hasNotebook,
      execute: () => {
        const model = panel()?.content.activeCell?.model;
        if (model?.type === 'code') {
          const { task, ...rest } = (model.getMetadata('flyte') ?? {}) as Record<string, unknown>;
          if (!task) {
            model.setMetadata('flyte', { task: true, ...rest });
          } else if (Object.keys(rest).length) {
            model.setMetadata('flyte', rest);
          } else {
            model.deleteMetadata('flyte');
          }
        }
      }
    },
    [CommandIDs.runStale]: {
      label: trans.__('Run the Cells That Are out of Date'),
      isEnabled: hasNotebook,
      execute: () => insert('%flyte run --stale')
    }
  };
}
