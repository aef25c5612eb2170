/** Badges above cells that are tasks. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { asked, Badges } from '../badges';
import { CommandIDs } from '../commands';
import { SETTINGS } from '../settings';
import { IRuns } from '../tokens';

/** What a form in an output asks for, by an event of its own, when its code is to become a cell. */
const INSERT = 'flyte-insert-code';

export const cellsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'flyte-jupyter:cells',
  description: 'Shows above a cell that is a task what it is called and whether it is up to date.',
  autoStart: true,
  requires: [INotebookTracker, IRuns],
  optional: [ITranslator, ISettingRegistry],
  activate: async (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    runs: IRuns,
    translator: ITranslator | null,
    registry: ISettingRegistry | null
  ): Promise<void> => {
    const trans = (translator ?? nullTranslator).load('flyte_jupyter');
    const settings = await registry?.load(SETTINGS);
    const isOn = () => settings?.composite.hasBadges !== false;
    const explain = async (panel: NotebookPanel, cell: string) => {
      const kernel = panel.sessionContext.session?.kernel;
      const lines = kernel ? await asked<string[]>(kernel, `why(${JSON.stringify(cell)})`) : null;
      const none = trans.__(
        'It is up to date, as far as the kernel knows; or it has not run since the kernel began.'
      );
      const answer = await showDialog({
        title: trans.__('Why?'),
        body: lines?.length ? lines.join('\n\n') : none,
        buttons: [
          Dialog.okButton({ label: trans.__('Run what is out of date') }),
          Dialog.cancelButton({ label: trans.__('Close') })
        ],
        defaultButton: 1
      });
      if (answer.button.accept) {
        await app.commands.execute(CommandIDs.runStale);
      }
    };
    const add = (panel: NotebookPanel) => {
      panel.node.addEventListener(INSERT, event => insertCode(panel, event as CustomEvent<{ code: string }>));
      void panel.context.ready.then(
        () => new Badges({ panel, runs, trans, isOn, explain: cell => explain(panel, cell) })
      );
    };
    notebooks.forEach(add);
    notebooks.widgetAdded.connect((_, panel) => add(panel));
  }
};

/** Put code into a new cell below the one whose output asks for it. */
function insertCode(panel: NotebookPanel, event: CustomEvent<{ code: string }>): void {
  event.preventDefault(); // tells the form that it was heard
  const at = panel.content.widgets.findIndex(cell => cell.node.contains(event.target as Node));
  if (at >= 0) {
    panel.content.activeCellIndex = at;
  }
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(String(event.detail.code));
}
