/** What the plugins give each other. */
import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

import type { RunState } from './advance';
import type { Api } from './api';
import type { Marks } from './marks';

/** A run that is followed as it goes on. Whoever asked for it disposes of it. */
export interface IFollowed extends IDisposable {
  readonly name: string;
  readonly near: string;
  /** What is known of it; null until something is. The object is used up by the next change. */
  readonly state: RunState | null;
  /** Counts up with each change, as the state itself may be the same object. */
  readonly revision: number;
  /** What tells calls of one task apart. */
  readonly marks: Marks;
  /** Why nothing is known of it: there is no server part, or no such run. */
  readonly problem: string;
  /** The number of the last row of log lines that was told of. */
  readonly logs: number;
  readonly changed: ISignal<IFollowed, void>;
}

/** The runs of the server's stores. */
export interface IRuns {
  readonly api: Api;
  /** Something was recorded of these runs, in whatever store. */
  readonly changed: ISignal<IRuns, readonly string[]>;
  /** Follow a run; `near` is the path of a notebook that uses its store. */
  follow(name: string, near: string): IFollowed;
  /** Look now, as something is known to have happened. */
  refresh(name: string): void;
}

export const IRuns = new Token<IRuns>('flyte-jupyter:IRuns', 'The recorded runs of the notebooks, live.');

/** What a person can do with a run; a part of the page asks for it, the commands do it. */
export interface IRunActions {
  open(name: string, near: string, action?: string): void;
  abort(name: string, near: string): Promise<void>;
  rerun(name: string, near: string): Promise<void>;
  compare(before: string, after: string, near: string): void;
  canRerun(name: string, near: string): boolean;
}

export const IRunActions = new Token<IRunActions>(
  'flyte-jupyter:IRunActions',
  'What can be done with a run.'
);
