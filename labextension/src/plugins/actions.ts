/** Provides what can be done with runs, and the tabs of the main area in which it is done. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IThemeManager, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { RunActions } from '../actions';
import { Tabs } from '../tabs';
import { IRunActions, IRuns } from '../tokens';

export const actionsPlugin: JupyterFrontEndPlugin<IRunActions> = {
  id: 'flyte-jupyter:actions',
  description: 'Opens, stops, repeats and compares runs.',
  autoStart: true,
  requires: [IRuns],
  optional: [INotebookTracker, ITranslator, IThemeManager, ILayoutRestorer],
  provides: IRunActions,
  activate: (
    app: JupyterFrontEnd,
    runs: IRuns,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null,
    themes: IThemeManager | null,
    restorer: ILayoutRestorer | null
  ): IRunActions => {
    const trans = (translator ?? nullTranslator).load('flyte_jupyter');
    const tabs = new Tabs({ app, runs, trans, themed: themes?.themeChanged ?? null });
    const actions = new RunActions({
      runs,
      notebooks,
      trans,
      places: tabs,
      reveal: panel => app.shell.activateById(panel.id),
      report: message => void Notification.error(message, { autoClose: 8000 })
    });
    tabs.begin(actions, restorer);
    return actions;
  }
};
