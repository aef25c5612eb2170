/** Follows runs: a state from the store, then events as Jupyter's event bus tells of them. */
import { type IDisposable } from '@lumino/disposable';
import { type ISignal, type IStream, Signal } from '@lumino/signaling';

import { advance, fromPlain, isTerminal, root, type RunState } from './advance';
import { Api, RequestError } from './api';
import { Marking, type Marks } from './marks';
import type { IFollowed, IRuns } from './tokens';

export const SCHEMA = 'urn:flyte-jupyter:runs-changed:v1';

/** Without word from the event bus, a run that goes on is looked at so often, in milliseconds. */
const POLL = 2000;

interface IChange {
  readonly run: string;
  readonly last?: number;
  readonly logs?: number;
}

type Emission = { readonly schema_id: string; readonly [key: string]: unknown };

/** The runs of a server's stores. */
export class Runs implements IRuns, IDisposable {
  constructor(options: Runs.IOptions) {
    this.api = options.api;
    this._stream = options.events;
    this._poll = options.poll ?? POLL;
    this._stream?.connect(this._heard, this);
  }

  readonly api: Api;

  get changed(): ISignal<IRuns, readonly string[]> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  follow(name: string, near: string): IFollowed {
    const key = JSON.stringify([near, name]);
    let shared = this._shared.get(key);
    if (!shared) {
      shared = new Shared(name, near, this.api, this._poll, () => this._shared.delete(key));
      this._shared.set(key, shared);
    }
    return shared.handle();
  }

  refresh(name: string): void {
    this._tell([{ run: name }]);
  }

  dispose(): void {
    this._isDisposed = true;
    this._stream?.disconnect(this._heard, this);
    Signal.clearData(this);
  }

  private _heard(_: unknown, emission: Emission): void {
    if (emission.schema_id === SCHEMA && Array.isArray(emission.runs)) {
      this._tell(emission.runs as IChange[]);
    }
  }

  private _tell(changes: readonly IChange[]): void {
    for (const change of changes) {
      for (const shared of this._shared.values()) {
        if (shared.name === change.run) {
          shared.heard(change);
        }
      }
    }
    this._changed.emit(changes.map(change => change.run));
  }

  private _changed = new Signal<IRuns, readonly string[]>(this);
  private _isDisposed = false;
  private _poll: number;
  private _shared = new Map<string, Shared>();
  private _stream: IStream<unknown, Emission> | undefined;
}

export namespace Runs {
  export interface IOptions {
    api: Api;
    /** Jupyter's event bus; without it, runs that go on are looked at again and again. */
    events?: IStream<unknown, Emission>;
    poll?: number;
  }
}

/** One run, for all that follow it. */
class Shared {
  constructor(
    readonly name: string,
    readonly near: string,
    private readonly _api: Api,
    private readonly _poll: number,
    private readonly _gone: () => void
  ) {
    this.marking = new Marking(
      signal => _api.marks(near, name, signal),
      () => this._told()
    );
    void this._look();
  }

  readonly marking: Marking;

  state: RunState | null = null;
  revision = 0;
  problem = '';
  logs = 0;

  handle(): IFollowed {
    const handle = new Followed(this);
    this._handles.add(handle);
    return handle;
  }

  release(handle: Followed): void {
    this._handles.delete(handle);
    if (this._handles.size === 0) {
      clearTimeout(this._timer);
      this.marking.dispose();
      this._gone();
    }
  }

  heard(change: IChange): void {
    if (change.logs !== undefined && change.logs > this.logs) {
      this.logs = change.logs;
      this._told();
    }
    if (change.last === undefined || change.last > this._last) {
      void this._look();
    }
  }

  /** Look once; whoever asks meanwhile has it look once more. */
  private async _look(): Promise<void> {
    if (this._looking) {
      this._again = true;
      return;
    }
    this._looking = true;
    clearTimeout(this._timer);
    do {
      this._again = false;
      await this._read();
    } while (this._again && this._handles.size > 0);
    this._looking = false;
    if (this._handles.size > 0 && this._goesOn()) {
      this._timer = setTimeout(() => void this._look(), this._poll);
    }
  }

  private async _read(): Promise<void> {
    try {
      const changed = this.state === null ? await this._begin() : await this._goOn(this.state);
      if (changed || this.problem) {
        this.problem = '';
        this.marking.grown(this.state?.actions.size ?? 0);
        this._told();
      }
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this._missing = error instanceof RequestError && error.status < 500;
      this._told();
    }
  }

  private async _begin(): Promise<boolean> {
    const found = await this._api.state(this.near, this.name);
    this._last = found.last;
    this.state = fromPlain(found.state);
    return true;
  }

  private async _goOn(before: RunState): Promise<boolean> {
    const found = await this._api.events(this.near, this.name, this._last);
    let state = before;
    for (const [number, event] of found.events) {
      if (number > this._last) {
        state = advance(state, event);
        this._last = number;
      }
    }
    this.state = state;
    this._again ||= found.more;
    return found.events.length > 0;
  }

  private _goesOn(): boolean {
    return this.state === null ? !this._missing : !isTerminal(root(this.state).phase);
  }

  private _told(): void {
    this.revision++;
    this._handles.forEach(handle => handle.tell());
  }

  private _again = false;
  private _handles = new Set<Followed>();
  private _last = 0;
  private _looking = false;
  private _missing = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

class Followed implements IFollowed {
  constructor(private readonly _shared: Shared) {}

  get name(): string {
    return this._shared.name;
  }

  get near(): string {
    return this._shared.near;
  }

  get state(): RunState | null {
    return this._shared.state;
  }

  get revision(): number {
    return this._shared.revision;
  }

  get marks(): Marks {
    return this._shared.marking.found;
  }

  get problem(): string {
    return this._shared.problem;
  }

  get logs(): number {
    return this._shared.logs;
  }

  get changed(): ISignal<IFollowed, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  tell(): void {
    this._changed.emit();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._shared.release(this);
      Signal.clearData(this);
    }
  }

  private _changed = new Signal<IFollowed, void>(this);
  private _isDisposed = false;
}
