/** The plugins. */
import { actionsPlugin } from './plugins/actions';
import { cellsPlugin } from './plugins/cells';
import { formPlugin } from './plugins/form';
import { launcherPlugin } from './plugins/launcher';
import { rendererPlugin } from './plugins/renderer';
import { runsPlugin } from './plugins/runs';
import { sidebarPlugin } from './plugins/sidebar';
import { statusPlugin } from './plugins/status';

export default [
  runsPlugin,
  actionsPlugin,
  rendererPlugin,
  sidebarPlugin,
  cellsPlugin,
  statusPlugin,
  launcherPlugin,
  formPlugin
];
