/** Asks again and again while there is more, one question at a time. */
import type { IFollowed } from './tokens';

export class Reading {
  /**
   * @param read asks once; tells whether there is more to ask for at once.
   * @param failed is told why a question failed; nothing is asked on its own after that.
   */
  constructor(
    private readonly _read: (signal: AbortSignal) => Promise<boolean>,
    private readonly _failed: (error: string) => void
  ) {}

  /** Ask now; whoever wants that meanwhile has it ask once more. */
  ask(): void {
    if (this._isAsking) {
      this._isAgain = true;
    } else {
      void this._ask();
    }
  }

  /** Ask now; gives what ends it. */
  once(): () => void {
    this.ask();
    return () => this._abort.abort();
  }

  /** Ask now, and whenever the run has printed something; gives what ends it. */
  follow(run: IFollowed): () => void {
    let heard = run.logs;
    const told = () => {
      if (heard !== run.logs) {
        heard = run.logs;
        this.ask();
      }
    };
    run.changed.connect(told);
    this.ask();
    return () => {
      this._abort.abort();
      run.changed.disconnect(told);
    };
  }

  private async _ask(): Promise<void> {
    const { signal } = this._abort;
    this._isAsking = true;
    try {
      do {
        this._isAgain = false;
        this._isAgain = (await this._read(signal)) || this._isAgain;
      } while (this._isAgain && !signal.aborted);
    } catch (reason) {
      if (!signal.aborted) {
        this._failed(reason instanceof Error ? reason.message : String(reason));
      }
    }
    this._isAsking = false;
  }

  private _abort = new AbortController();
  private _isAgain = false;
  private _isAsking = false;
}
