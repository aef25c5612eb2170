/** The plugins. */
import { actionsPlugin } from './plugins/actions';
import { rendererPlugin } from './plugins/renderer';
import { runsPlugin } from './plugins/runs';

export default [runsPlugin, actionsPlugin, rendererPlugin];
