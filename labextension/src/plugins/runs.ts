/** Provides the recorded runs to the other plugins. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { Api } from '../api';
import { Runs } from '../runs';
import { IRuns } from '../tokens';

export const runsPlugin: JupyterFrontEndPlugin<IRuns> = {
  id: 'flyte-jupyter:runs',
  description: 'Follows the recorded runs of the notebooks.',
  autoStart: true,
  provides: IRuns,
  activate: (app: JupyterFrontEnd): IRuns => {
    const { events, serverSettings } = app.serviceManager;
    return new Runs({ api: new Api(serverSettings), events: events?.stream });
  }
};
