/** The form that makes a cell a task; JupyterLab makes it of this plugin's schema. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

export const formPlugin: JupyterFrontEndPlugin<void> = {
  id: 'flyte-jupyter:form',
  description: 'A form in the property inspector that makes a cell a task.',
  autoStart: true,
  activate: () => undefined
};
