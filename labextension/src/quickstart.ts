/** Puts a copy of the quickstart where a person is working. */
import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';

import type { Api } from './api';

const NAME = 'quickstart.ipynb';

/** Copy it into a folder, unless it is there; gives its path. */
export async function openQuickstart(contents: Contents.IManager, api: Api, folder: string): Promise<string> {
  const path = PathExt.join(folder, NAME);
  try {
    await contents.get(path, { content: false });
  } catch {
    await contents.save(path, { type: 'notebook', format: 'json', content: await api.quickstart() });
  }
  return path;
}
