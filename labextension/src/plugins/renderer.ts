/** Shows outputs that are runs. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IThemeManager } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { RUN_MIME, RunRenderer } from '../renderer';
import { IRunActions, IRuns } from '../tokens';

export const rendererPlugin: JupyterFrontEndPlugin<void> = {
  id: 'flyte-jupyter:renderer',
  description: 'Shows runs in the outputs of cells, live.',
  autoStart: true,
  requires: [IRenderMimeRegistry, IRuns, IRunActions],
  optional: [ITranslator, IThemeManager],
  activate: (
    _: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    runs: IRuns,
    actions: IRunActions,
    translator: ITranslator | null,
    themes: IThemeManager | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('flyte_jupyter');
    const context = { runs, actions, trans, themed: themes?.themeChanged ?? null };
    rendermime.addFactory(
      {
        safe: true, // it builds nodes of data; a report runs in its sandbox only
        mimeTypes: [RUN_MIME],
        defaultRank: 40,
        createRenderer: options => new RunRenderer(options, context)
      },
      40
    );
  }
};
