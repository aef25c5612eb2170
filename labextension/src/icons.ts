/** The extension's icon. */
import { LabIcon } from '@jupyterlab/ui-components';

const DRAWING =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 22 22" width="16"><g class="jp-icon3" fill="#616161">' +
  '<circle cx="4.5" cy="11" r="2.5"/><circle cx="16.5" cy="5.5" r="2.5"/><circle cx="16.5" cy="16.5" r="2.5"/>' +
  '<path d="M6.2 9.6l.8 1.2 8-3.9-.7-1.3zM7 11.2l-.8 1.2 8.1 4 .7-1.3z"/></g></svg>';

export const flyteIcon = new LabIcon({ name: 'flyte-jupyter:flyte', svgstr: DRAWING });
