/** What every view of a run needs, passed once. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { IFollowed, IRunActions, IRuns } from '../tokens';

export interface IViewContext {
  readonly runs: IRuns;
  readonly actions: IRunActions;
  readonly trans: TranslationBundle;
  /** The theme has changed: what is painted has to be painted anew. */
  readonly themed: ISignal<unknown, unknown> | null;
}

export const ViewContext = React.createContext<IViewContext | null>(null);

/** Take what every view needs. */
export function useView(): IViewContext {
  const found = React.useContext(ViewContext);
  if (!found) {
    throw new Error('a view of a run stands outside of its context');
  }
  return found;
}

/** Draw anew when a run changes, at most once a frame; gives the revision that is drawn. */
export function useRevision(run: IFollowed): number {
  const [revision, setRevision] = React.useState(run.revision);
  React.useEffect(() => {
    let frame = 0;
    const told = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setRevision(run.revision);
      });
    };
    run.changed.connect(told);
    told();
    return () => {
      run.changed.disconnect(told);
      cancelAnimationFrame(frame);
    };
  }, [run]);
  return revision;
}

/** Draw anew each second while something goes on; gives the time in seconds. */
export function useClock(isOn: boolean): number {
  const [now, setNow] = React.useState(() => Date.now() / 1000);
  React.useEffect(() => {
    if (!isOn) {
      return;
    }
    const timer = setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, [isOn]);
  return isOn ? Math.max(now, Date.now() / 1000) : now;
}

/** Load something, again whenever one of `on` changes; an answer that comes too late is dropped. */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
  on: readonly unknown[]
): { value: T | null; error: string } {
  const [found, setFound] = React.useState<{ value: T | null; error: string }>({ value: null, error: '' });
  React.useEffect(() => {
    const abort = new AbortController();
    load(abort.signal).then(
      value => !abort.signal.aborted && setFound({ value, error: '' }),
      (reason: unknown) =>
        !abort.signal.aborted &&
        setFound(before => ({ ...before, error: reason instanceof Error ? reason.message : String(reason) }))
    );
    return () => abort.abort();
  }, on);
  return found;
}
