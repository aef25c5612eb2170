/** How many actions are running, in the status bar. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { GroupItem, TextItem } from '@jupyterlab/statusbar';
import * as React from 'react';

import { CommandIDs } from '../commands';
import { flyteIcon } from '../icons';
import { SETTINGS } from '../settings';
import { Running } from '../status';
import { IRuns } from '../tokens';

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'flyte-jupyter:status',
  description: 'Counts running actions in the status bar.',
  autoStart: true,
  requires: [IRuns, IStatusBar],
  optional: [INotebookTracker, ITranslator, ISettingRegistry],
  activate: async (
    app: JupyterFrontEnd,
    runs: IRuns,
    bar: IStatusBar,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null,
    registry: ISettingRegistry | null
  ): Promise<void> => {
    const settings = await registry?.load(SETTINGS);
    const trans = (translator ?? nullTranslator).load('flyte_jupyter');
    const running = new Running(runs, () => notebooks?.currentWidget?.context.path ?? '');
    const show = () => void app.commands.execute(CommandIDs.show);
    const item = ReactWidget.create(
      <Counted
        running={running}
        show={show}
        words={count => trans._n('%2 action', '%2 actions', count, count.toLocaleString())}
      />
    );
    item.addClass('flyte-Status');
    bar.registerStatusItem('flyte-jupyter:running', {
      item,
      align: 'left',
      rank: 500,
      isActive: () => running.runs > 0 && settings?.composite.hasStatus !== false,
      activeStateChanged: running.changed
    });
  }
};

function Counted(props: {
  running: Running;
  show: () => void;
  words: (count: number) => string;
}): JSX.Element {
  const [, setRevision] = React.useState(0);
  React.useEffect(() => {
    const told = () => setRevision(count => count + 1);
    props.running.changed.connect(told);
    return () => void props.running.changed.disconnect(told);
  }, [props.running]);
  return (
    <GroupItem spacing={4} role="button" tabIndex={0} onClick={props.show} onKeyDown={onEnter(props.show)}>
      <flyteIcon.react tag="span" stylesheet="statusBar" />
      <TextItem source={props.words(props.running.actions)} />
    </GroupItem>
  );
}

function onEnter(act: () => void): (event: React.KeyboardEvent) => void {
  return event => {
    if (event.key === 'Enter' || event.key === ' ') {
      act();
    }
  };
}
