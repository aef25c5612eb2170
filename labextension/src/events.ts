/** What happens in a run, and its fold, as plain data: the twins of runs/events.py and runs/action.py. */

export type Phase =
  | 'QUEUED'
  | 'WAITING_FOR_RESOURCES'
  | 'INITIALIZING'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'ABORTED'
  | 'TIMED_OUT'
  | 'PAUSED'
  | 'RECOVERED'
  | 'INTERRUPTED';

export type Texts = Readonly<Record<string, string>>;

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly traceback?: string;
  readonly kind?: string;
}

interface Common {
  readonly v?: number;
  readonly run: string;
  readonly action: string;
  readonly time: number;
}

export type Event =
  | (Common & {
      kind: 'run';
      task: string;
      mode?: string;
      source?: Texts;
      labels?: Texts;
      environment?: Texts;
      rerun_of?: string | null;
    })
  | (Common & {
      kind: 'queued';
      task: string;
      name: string;
      parent?: string | null;
      group?: string | null;
      what?: string;
      inputs?: string | null;
      version?: string;
      asked?: Texts;
    })
  | (Common & { kind: 'started'; attempt: number; place?: string })
  | (Common & {
      kind: 'used';
      attempt: number;
      cpu?: number;
      peak?: number;
      limits?: Texts;
      read?: number;
      written?: number;
      gpu?: number;
      gpu_memory?: number;
    })
  | (Common & { kind: 'attempt_failed'; attempt: number; failure: Failure; retry_in?: number | null })
  | (Common & { kind: 'cache'; status: string; key?: string; reason?: string })
  | (Common & { kind: 'report'; blob: string; tabs?: readonly string[] })
  | (Common & { kind: 'succeeded'; outputs?: string | null })
  | (Common & { kind: 'failed'; failure: Failure; inputs?: string | null })
  | (Common & { kind: 'aborted'; reason?: string })
  | (Common & { kind: 'interrupted'; reason?: string })
  | (Common & { kind: 'task'; task: string; version?: string; parts?: string })
  | (Common & { kind: 'place'; task: string; place: string; image?: string; here?: Texts; there?: Texts });

/** One attempt of an action. What has its default is absent, as in the JSON of runs/state.py. */
export interface Attempt {
  readonly number: number;
  readonly place?: string;
  readonly started?: number;
  readonly ended?: number;
  readonly failure?: Failure;
  readonly retry_in?: number;
  readonly cpu?: number;
  readonly peak?: number;
  readonly limits?: Texts;
  readonly read?: number;
  readonly written?: number;
  readonly gpu?: number;
  readonly gpu_memory?: number;
}

/** One action of a run. */
export interface Action {
  readonly name: string;
  readonly task?: string;
  readonly short?: string;
  readonly parent?: string;
  readonly group?: string;
  readonly what?: string;
  readonly version?: string;
  readonly phase: Phase;
  readonly queued?: number;
  readonly started?: number;
  readonly ended?: number;
  readonly attempts?: readonly Attempt[];
  readonly cache?: string;
  readonly cache_key?: string;
  readonly cache_reason?: string;
  readonly failure?: Failure;
  readonly inputs?: string;
  readonly outputs?: string;
  readonly report?: string;
  readonly tabs?: readonly string[];
  readonly asked?: Texts;
}

/** The JSON of a run's state, as runs/state.py writes it. */
export interface PlainRun {
  readonly name: string;
  readonly started: number;
  readonly task?: string;
  readonly mode?: string;
  readonly source?: Texts;
  readonly labels?: Texts;
  readonly environment?: Texts;
  readonly rerun_of?: string;
  readonly phase: Phase;
  readonly ended: number | null;
  readonly actions: readonly Action[];
}
