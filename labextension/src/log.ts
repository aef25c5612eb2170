/** What an action printed, as lines; each is known by the row of the log in which it begins. */
import { lines } from './ansi';
import type { LogPage, LogRow } from './api';

export interface Line {
  /** The row in which it begins, and how many begin there before it; -1 for the end of one that began earlier. */
  readonly row: number;
  readonly at: number;
  readonly attempt: number;
  readonly time: number;
  readonly stream: string;
  readonly text: string;
}

/** Joins the rows of a log to lines. */
export class LogText {
  readonly lines: Line[] = [];
  /** The last row that was taken; what follows is behind it. */
  last = -1;

  take(page: Pick<LogPage, 'rows' | 'goes_on'>): void {
    page.rows.forEach((row, i) => this._take(row, i === 0 && page.goes_on && this.last < 0));
  }

  private _take(row: LogRow, isEnd: boolean): void {
    const [number, attempt, time, stream, text] = row;
    const [first, ...rest] = text.split('\n');
    const before = this.lines[this.lines.length - 1];
    let at = 0;
    if (this._open !== null && before.attempt === attempt && before.stream === stream) {
      this._open += first;
      this.lines[this.lines.length - 1] = { ...before, text: shown(this._open) };
    } else if (first !== '' || rest.length) {
      at = isEnd ? -1 : 0;
      this._open = first;
      this.lines.push({ row: number, at: at++, attempt, time, stream, text: shown(first) });
    }
    for (const more of rest) {
      this._open = more;
      this.lines.push({ row: number, at: at++, attempt, time, stream, text: shown(more) });
    }
    if (rest.length && this._open === '') {
      this.lines.pop();
      this._open = null;
    }
    this._open = cut(this._open);
    this.last = number;
  }

  /** What the last line holds so far, if more of it may come. */
  private _open: string | null = null;
}

/** The same line, wherever it was read. */
export function isSame(one: Line | undefined, other: Line): boolean {
  return one?.row === other.row && one.at === other.at;
}

/** Add lines that a search found; it finds one again that was without an end. */
export function joined(before: readonly Line[], found: readonly Line[]): readonly Line[] {
  const isAgain = found.length > 0 && isSame(before[before.length - 1], found[0]);
  return [...(isAgain ? before.slice(0, -1) : before), ...found];
}

function shown(text: string): string {
  return lines(text)[0] ?? '';
}

/** Forget what a carriage return has overwritten, so that a line that is drawn for hours does not grow. */
function cut(text: string | null): string | null {
  return text === null || text.endsWith('\r') ? text : text.slice(text.lastIndexOf('\r') + 1);
}
