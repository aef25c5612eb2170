/** The sidebar with the list of runs, and the commands that act on what is chosen there. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addCommands } from '../commands';
import { flyteIcon } from '../icons';
import { Listing } from '../listing';
import { IRunActions, IRuns } from '../tokens';
import { RunListWidget } from '../views/RunList';

export const sidebarPlugin: JupyterFrontEndPlugin<void> = {
  id: 'flyte-jupyter:commands',
  description: 'Lists the runs in the sidebar; adds the commands.',
  autoStart: true,
  requires: [IRuns, IRunActions],
  optional: [INotebookTracker, ITranslator, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    runs: IRuns,
    actions: IRunActions,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('flyte_jupyter');
    const listing = new Listing({ runs });
    const list = new RunListWidget(listing, { runs, actions, trans, themed: null });
    list.id = 'flyte-runs';
    list.title.icon = flyteIcon;
    list.title.caption = trans.__('Flyte runs');
    const follow = () => {
      listing.near = notebooks?.currentWidget?.context.path ?? listing.near;
    };
    notebooks?.currentChanged.connect(follow);
    follow();
    app.shell.add(list, 'left', { rank: 450, type: 'Flyte runs' });
    restorer?.add(list, list.id);
    addCommands({ app, list, runs, actions, notebooks, palette, trans });
  }
};
