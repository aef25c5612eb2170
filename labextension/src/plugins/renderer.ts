/** Shows outputs that are runs. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IThemeManager } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { RUN_MIME, RunRenderer } from '../renderer';
import { SETTINGS } from '../settings';
import { IRunActions, IRuns } from '../tokens';

export const rendererPlugin: JupyterFrontEndPlugin<void> = {
  id: 'flyte-jupyter:renderer',
  description: 'Shows runs in the outputs of cells, live.',
  autoStart: true,
  requires: [IRenderMimeRegistry, IRuns, IRunActions],
  optional: [ITranslator, IThemeManager, ISettingRegistry],
  activate: (
    _: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    runs: IRuns,
    actions: IRunActions,
    translator: ITranslator | null,
    themes: IThemeManager | null,
    registry: ISettingRegistry | null
  ): void => {
    let isLive = true;
    void registry?.load(SETTINGS).then(settings => {
      const read = () => (isLive = settings.composite.isLive !== false);
      settings.changed.connect(read);
      read();
    });
    const trans = (translator ?? nullTranslator).load('flyte_jupyter');
    const context = { runs, actions, trans, themed: themes?.themeChanged ?? null };
    rendermime.addFactory(
      {
        safe: true, // it builds nodes of data; a report runs in its sandbox only
        mimeTypes: [RUN_MIME],
        defaultRank: 40,
        createRenderer: options => new RunRenderer(options, context, () => isLive)
      },
      40
    );
  }
};
