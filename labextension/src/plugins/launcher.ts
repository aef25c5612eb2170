/** A tile in the launcher that opens the quickstart. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { flyteIcon } from '../icons';
import { openQuickstart } from '../quickstart';
import { IRuns } from '../tokens';

const COMMAND = 'flyte:open-quickstart';

export const launcherPlugin: JupyterFrontEndPlugin<void> = {
  id: 'flyte-jupyter:launcher',
  description: 'Opens the quickstart from the launcher.',
  autoStart: true,
  requires: [IRuns],
  optional: [ILauncher, IDefaultFileBrowser, ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    runs: IRuns,
    launcher: ILauncher | null,
    browser: IDefaultFileBrowser | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('flyte_jupyter');
    app.commands.addCommand(COMMAND, {
      label: trans.__('Flyte Quickstart'),
      caption: trans.__('Open a copy of the quickstart notebook in this folder'),
      icon: flyteIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: { cwd: { type: 'string', description: trans.__('The folder for the copy') } }
        }
      },
      execute: async args => {
        const folder = typeof args.cwd === 'string' ? args.cwd : (browser?.model.path ?? '');
        try {
          const path = await openQuickstart(app.serviceManager.contents, runs.api, folder);
          await app.commands.execute('docmanager:open', { path });
        } catch (error) {
          Notification.error(error instanceof Error ? error.message : String(error), { autoClose: 8000 });
        }
      }
    });
    launcher?.add({ command: COMMAND, category: trans.__('Notebook'), rank: 90 });
    palette?.addItem({ command: COMMAND, category: trans.__('Flyte') });
  }
};
