/** What tells calls of one task apart: asked for again as a run gets more of them. */
export type Marks = ReadonlyMap<string, string>;

/** The marks are asked for so many milliseconds after one another. */
const PAUSE = 2000;

/** The root and two calls: with fewer, there is nothing to tell apart. */
const FEWEST = 3;

export class Marking {
  /**
   * @param _ask asks the server.
   * @param _told is called when there are others.
   */
  constructor(
    private readonly _ask: (signal: AbortSignal) => Promise<Readonly<Record<string, string>>>,
    private readonly _told: () => void,
    private readonly _pause = PAUSE
  ) {}

  found: Marks = new Map();

  /** The run has so many actions now. */
  grown(count: number): void {
    if (count !== this._count && count >= FEWEST) {
      this._count = count;
      this._timer ??= setTimeout(() => void this._look(), this._pause * this._looks);
    }
  }

  dispose(): void {
    clearTimeout(this._timer);
    this._abort.abort();
  }

  private async _look(): Promise<void> {
    this._looks = 1;
    const count = this._count;
    try {
      this.found = new Map(Object.entries(await this._ask(this._abort.signal)));
      this._told();
    } catch {
      // Without them, the calls are shown by their names alone.
    }
    this._timer = undefined;
    if (count !== this._count && !this._abort.signal.aborted) {
      this._timer = setTimeout(() => void this._look(), this._pause);
    }
  }

  private _abort = new AbortController();
  private _count = 0;
  /** 0 before the first look, which is at once. */
  private _looks = 0;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}
