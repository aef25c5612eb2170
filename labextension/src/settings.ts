/** The id of the plugin whose schema has the settings. */
export const SETTINGS = 'flyte-jupyter:commands';
