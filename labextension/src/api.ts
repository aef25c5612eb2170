/** The one place that asks the server. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Event, Phase, PlainRun } from './events';

/** A run as the list shows it. */
export interface RunRow {
  readonly name: string;
  readonly task: string;
  readonly mode: string;
  readonly phase: Phase;
  readonly started: number;
  readonly ended: number | null;
  readonly updated: number;
  readonly notebook: string;
  readonly source: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly rerun_of: string | null;
  readonly actions: number;
  readonly done: number;
  readonly failed: number;
  readonly cached: number;
}

export interface RunPage {
  readonly runs: readonly RunRow[];
  readonly total: number;
  readonly next: string | null;
}

/** Number, attempt, time, stream, text. */
export type LogRow = readonly [number, number, number, string, string];

export interface LogPage {
  readonly begins: number;
  readonly rows: readonly LogRow[];
  readonly more: boolean;
  /** The first row goes on with a line that began before. */
  readonly goes_on: boolean;
}

/** The row in which it begins, its number there, attempt, time, stream, text. */
export type FoundLine = readonly [number, number, number, number, string, string];

export interface FoundLines {
  readonly lines: readonly FoundLine[];
  /** The place behind which another search goes on: a row, and a line in it. */
  readonly next: readonly [number, number | null];
  /** There is more to look through. */
  readonly more: boolean;
}

export interface Picture {
  readonly name: string;
  readonly kind: 'value' | 'frame' | 'file' | 'folder' | 'object' | 'gone';
  readonly text: string;
}

export interface Values {
  readonly inputs: readonly Picture[] | null;
  readonly outputs: readonly Picture[] | null;
}

export interface FramePage {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly brief: string }[];
  readonly note: string;
  readonly rows: readonly (readonly (string | null)[])[];
  readonly page: number;
  readonly pages: number;
  readonly begin: number;
  readonly matched: number;
  readonly total: number;
}

export interface Difference {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface Fared {
  readonly actions: number;
  readonly seconds: number;
  readonly attempts: number;
  readonly cached: number;
  readonly failed: number;
  readonly longest: number;
}

export interface Comparison {
  readonly before: RunRow;
  readonly after: RunRow;
  readonly code: readonly {
    readonly task: string;
    readonly sentences: readonly string[];
    readonly known: boolean;
  }[];
  readonly inputs: readonly Difference[];
  readonly outputs: readonly Difference[];
  readonly doubtful: readonly string[];
  readonly surroundings: readonly Difference[];
  readonly tasks: readonly { readonly task: string; readonly before: Fared; readonly after: Fared }[];
  readonly same_outputs: boolean | null;
}

export type Query = Readonly<Record<string, string | number | undefined>>;

/** The server answered that it cannot; `status` is 404 where something, or the server part itself, is not there. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly status: number
  ) {
    super(message);
  }
}

/** Asks the server extension. `near` is the path of the notebook whose run store is meant; empty for the root's. */
export class Api {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  runs(near: string, query: Query, signal?: AbortSignal): Promise<RunPage> {
    return this._get('runs', { near, ...query }, signal);
  }

  state(near: string, run: string): Promise<{ last: number; state: PlainRun }> {
    return this._get(path(run), { near });
  }

  events(near: string, run: string, after: number): Promise<{ events: [number, Event][]; more: boolean }> {
    return this._get(`${path(run)}/events`, { near, after });
  }

  /** What tells calls of one task apart, by their actions' names. */
  async marks(near: string, run: string, signal?: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const found = await this._get<{ marks: Record<string, string> }>(`${path(run)}/marks`, { near }, signal);
    return found.marks;
  }

  logs(near: string, run: string, action: string, query: Query, signal?: AbortSignal): Promise<LogPage> {
    return this._get(`${path(run, action)}/logs`, { near, ...query }, signal);
  }

  search(near: string, run: string, action: string, query: Query, signal?: AbortSignal): Promise<FoundLines> {
    return this._get(`${path(run, action)}/logs`, { near, ...query }, signal);
  }

  values(near: string, run: string, action: string, signal?: AbortSignal): Promise<Values> {
    return this._get(`${path(run, action)}/values`, { near }, signal);
  }

  frame(
    near: string,
    run: string,
    action: string,
    which: string,
    name: string,
    query: Query,
    signal?: AbortSignal
  ): Promise<FramePage> {
    const place = `${path(run, action)}/frames/${which}/${encodeURIComponent(name)}`;
    return this._get(place, { near, ...query }, signal);
  }

  async report(near: string, run: string, action: string, signal?: AbortSignal): Promise<string> {
    return (await this._ask(`${path(run, action)}/report`, { near }, { signal })).text();
  }

  /** Where a report can be opened in a tab of its own; the server shuts it into a sandbox there, too. */
  reportUrl(near: string, run: string, action: string): string {
    return this._url(`${path(run, action)}/report`, { near });
  }

  compare(near: string, run: string, other: string, signal?: AbortSignal): Promise<Comparison> {
    return this._get(`${path(run)}/compare/${encodeURIComponent(other)}`, { near }, signal);
  }

  /** The quickstart notebook. */
  quickstart(): Promise<unknown> {
    return this._get('quickstart', {});
  }

  async abort(near: string, run: string): Promise<Phase> {
    const answer = await this._ask(`${path(run)}/abort`, { near }, { method: 'POST' });
    return ((await answer.json()) as { phase: Phase }).phase;
  }

  private async _get<T>(place: string, query: Query, signal?: AbortSignal): Promise<T> {
    return (await (await this._ask(place, query, { signal })).json()) as T;
  }

  private async _ask(place: string, query: Query, init: RequestInit): Promise<Response> {
    const answer = await ServerConnection.makeRequest(this._url(place, query), init, this._settings);
    if (!answer.ok) {
      throw new RequestError(await reason(answer), answer.status);
    }
    return answer;
  }

  private _url(place: string, query: Query): string {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
    const said = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return URLExt.join(this._settings.baseUrl, 'flyte-jupyter', place) + (said ? `?${said}` : '');
  }
}

function path(run: string, action?: string): string {
  const place = `runs/${encodeURIComponent(run)}`;
  return action === undefined ? place : `${place}/actions/${encodeURIComponent(action)}`;
}

async function reason(answer: Response): Promise<string> {
  try {
    return ((await answer.json()) as { message?: string }).message || answer.statusText;
  } catch {
    return answer.statusText;
  }
}
