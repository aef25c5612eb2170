/**
 * The fold of a run's events: the twin of runs/state.py and runs/action.py, held to them by tests/golden.
 *
 * A state is used up by `advance`: its maps move on with the one that is returned. Actions never change; the one
 * that an event is about is replaced.
 */
import type { Action, Attempt, Event, Failure, Phase, PlainRun, Texts } from './events';

export const ROOT = 'a0';

/** One run. */
export interface RunState {
  readonly name: string;
  readonly started: number;
  readonly task: string;
  readonly mode: string;
  readonly source: Texts;
  readonly labels: Texts;
  readonly environment: Texts;
  readonly rerun_of: string | null;
  /** Its actions by name, in the order of their first events. */
  readonly actions: Map<string, Action>;
  /** The names of the actions that an action called, in order. */
  readonly called: Map<string, Set<string>>;
}

type Draft = { -readonly [K in keyof Action]: Action[K] };
type AttemptDraft = { -readonly [K in keyof Attempt]: Attempt[K] };

const TERMINAL: ReadonlySet<Phase> = new Set<Phase>([
  'SUCCEEDED',
  'FAILED',
  'ABORTED',
  'TIMED_OUT',
  'RECOVERED',
  'INTERRUPTED'
]);

/** Whether nothing follows. */
export function isTerminal(phase: Phase): boolean {
  return TERMINAL.has(phase);
}

/** The root action; every state has one. */
export function root(state: RunState): Action {
  return state.actions.get(ROOT) as Action;
}

/** Fold a run's events, first to last; null if there are none. */
export function fold(events: Iterable<Event>): RunState | null {
  let state: RunState | null = null;
  for (const event of events) {
    state = advance(state, event);
  }
  return state;
}

/** Apply one event and return the state after it. */
export function advance(before: RunState | null, event: Event): RunState {
  const state = before ?? begun(event);
  if (event.kind === 'interrupted') {
    for (const action of state.actions.values()) {
      if (action.ended === undefined) {
        put(state, applied(action, event));
      }
    }
  } else if (event.kind !== 'run' && event.kind !== 'task' && event.kind !== 'place') {
    const old = state.actions.get(event.action);
    put(state, applied(old ?? { name: event.action, phase: 'QUEUED', queued: event.time }, event));
    if (event.kind === 'queued' && present(event.parent)) {
      place(state, event.parent, event.action);
    }
  }
  return state;
}

/** Read the JSON of a state. */
export function fromPlain(plain: PlainRun): RunState {
  const state: RunState = {
    name: plain.name,
    started: plain.started,
    task: plain.task ?? '',
    mode: plain.mode ?? 'local',
    source: plain.source ?? {},
    labels: plain.labels ?? {},
    environment: plain.environment ?? {},
    rerun_of: plain.rerun_of ?? null,
    actions: new Map(plain.actions.map(action => [action.name, action])),
    called: new Map()
  };
  for (const action of plain.actions) {
    if (action.parent !== undefined) {
      place(state, action.parent, action.name);
    }
  }
  return state;
}

/** Write the JSON of a state, as runs/state.py does. */
export function toPlain(state: RunState): PlainRun {
  const first = root(state);
  const slim = {
    name: state.name,
    started: state.started,
    task: state.task || undefined,
    mode: state.mode === 'local' ? undefined : state.mode,
    source: filled(state.source),
    labels: filled(state.labels),
    environment: filled(state.environment),
    rerun_of: state.rerun_of ?? undefined
  };
  return {
    ...defined(slim),
    phase: first.phase,
    ended: first.ended ?? null,
    actions: [...state.actions.values()]
  };
}

function begun(event: Event): RunState {
  const started = event.kind === 'run' ? event : null;
  const task = event.kind === 'run' || event.kind === 'queued' ? event.task : '';
  const first: Action = defined({
    name: ROOT,
    task: task || undefined,
    phase: 'QUEUED' as Phase,
    queued: event.time
  });
  return {
    name: event.run,
    started: event.time,
    task,
    mode: started?.mode ?? 'local',
    source: started?.source ?? {},
    labels: started?.labels ?? {},
    environment: started?.environment ?? {},
    rerun_of: started?.rerun_of ?? null,
    actions: new Map([[ROOT, first]]),
    called: new Map()
  };
}

function put(state: RunState, action: Action): void {
  state.actions.set(action.name, action);
}

function place(state: RunState, parent: string, name: string): void {
  const names = state.called.get(parent);
  if (names) {
    names.add(name);
  } else {
    state.called.set(parent, new Set([name]));
  }
}

/** The first end counts: after it only a report counts, and being queued again, which starts the action over. */
function applied(action: Action, event: Event): Action {
  if (action.ended !== undefined && event.kind !== 'queued' && event.kind !== 'report') {
    return action;
  }
  const draft: Draft = { ...action };
  change(draft, event);
  return defined(draft);
}

function change(draft: Draft, event: Event): void {
  switch (event.kind) {
    case 'queued':
      return queued(draft, event);
    case 'started':
      draft.attempts = [
        ...(draft.attempts ?? []),
        attempt(event.attempt, event.place ?? 'thread', event.time)
      ];
      draft.phase = 'RUNNING';
      draft.started ??= event.time;
      return;
    case 'used':
      if (last(draft)?.number === event.attempt) {
        changeLast(draft, {
          cpu: event.cpu ?? 0,
          peak: event.peak || undefined,
          limits: filled(event.limits ?? {}),
          read: event.read || undefined,
          written: event.written || undefined,
          gpu: event.gpu || undefined,
          gpu_memory: event.gpu_memory || undefined
        });
      }
      return;
    case 'attempt_failed':
      return attemptFailed(draft, event);
    case 'cache':
      draft.cache = event.status;
      draft.cache_key = event.key || undefined;
      draft.cache_reason = event.reason || undefined;
      return;
    case 'report':
      draft.report = event.blob;
      draft.tabs = event.tabs?.length ? event.tabs : undefined;
      return;
    case 'succeeded':
      draft.outputs = event.outputs ?? undefined;
      return end(draft, event.time, 'SUCCEEDED');
    case 'failed':
      draft.inputs = event.inputs ?? draft.inputs;
      return end(draft, event.time, event.failure.kind === 'timeout' ? 'TIMED_OUT' : 'FAILED', event.failure);
    case 'aborted':
      return end(draft, event.time, 'ABORTED', {
        code: 'ActionAbortedError',
        message: event.reason ?? '',
        kind: 'abort'
      });
    case 'interrupted':
      return end(draft, event.time, 'INTERRUPTED', {
        code: 'TaskInterruptedError',
        message: event.reason ?? '',
        kind: 'system'
      });
  }
}

function queued(draft: Draft, event: Event & { kind: 'queued' }): void {
  if (draft.ended !== undefined) {
    for (const name of Object.keys(draft) as (keyof Draft)[]) {
      if (name !== 'name') {
        delete draft[name];
      }
    }
    draft.phase = 'QUEUED';
  }
  draft.queued = event.time;
  draft.task = event.task || undefined;
  draft.short = event.name || undefined;
  draft.parent = event.parent ?? undefined;
  draft.group = event.group ?? undefined;
  draft.what = event.what === 'task' ? undefined : event.what;
  draft.version = event.version || undefined;
  draft.inputs = event.inputs ?? undefined;
  draft.asked = filled(event.asked ?? {});
}

/** The attempt ends; the action waits for the next one, if there will be one. */
function attemptFailed(draft: Draft, event: Event & { kind: 'attempt_failed' }): void {
  if (last(draft)?.number !== event.attempt) {
    draft.attempts = [...(draft.attempts ?? []), attempt(event.attempt, '', undefined)];
  }
  changeLast(draft, {
    ended: event.time,
    failure: slim(event.failure),
    retry_in: event.retry_in ?? undefined
  });
  if (present(event.retry_in)) {
    draft.phase = 'QUEUED';
  }
}

function end(draft: Draft, time: number, phase: Phase, failure?: Failure): void {
  draft.phase = phase;
  draft.ended = time;
  draft.failure = failure && slim(failure);
  const open = last(draft);
  if (open && open.ended === undefined) {
    changeLast(draft, { ended: time, failure: draft.failure });
  }
}

function attempt(number: number, placed: string, started: number | undefined): Attempt {
  return defined({ number, place: placed || undefined, started });
}

function last(draft: Draft): Attempt | undefined {
  return draft.attempts?.[draft.attempts.length - 1];
}

function changeLast(draft: Draft, values: Partial<AttemptDraft>): void {
  const attempts = draft.attempts ?? [];
  draft.attempts = [...attempts.slice(0, -1), defined({ ...attempts[attempts.length - 1], ...values })];
}

/** Leave out what has its default. */
function slim(failure: Failure): Failure {
  return defined({
    code: failure.code,
    message: failure.message,
    traceback: failure.traceback || undefined,
    kind: failure.kind === 'user' ? undefined : failure.kind
  });
}

function filled(texts: Texts): Texts | undefined {
  return Object.keys(texts).length ? texts : undefined;
}

function present<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** Drop the fields that are not set. */
function defined<T extends object>(value: T): T {
  for (const name of Object.keys(value) as (keyof T)[]) {
    if (value[name] === undefined) {
      delete value[name];
    }
  }
  return value;
}
