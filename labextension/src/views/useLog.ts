/** Read a log: its end and what comes, a part of it from anywhere, and the lines that hold a text. */
import * as React from 'react';

import type { FoundLine, Query } from '../api';
import { joined, type Line, LogText } from '../log';
import { Reading } from '../reading';
import type { IFollowed } from '../tokens';
import { useView } from './context';

/** Of a longer log, only so many of its last characters are read at first. */
const TAIL = 6_000_000;
const FIRST = 200_000;

/** A part of a long log has so many characters; so many of them stand before the line that it is read for. */
const PART = 400_000;
const CONTEXT = 20_000;

/** The server searches so many milliseconds after the last key, and until it has found so many more lines. */
const PAUSE = 250;
const ENOUGH = 1000;

/** Where a part of a log begins or ends. */
export type Place = Readonly<{ after: number } | { around: number } | { until: number }>;

export interface IShown {
  readonly lines: readonly Line[];
  /** The row behind which it begins, and the last one that was read. */
  readonly begins: number;
  readonly last: number;
  /** There is more behind it. */
  readonly more: boolean;
  readonly error: string;
}

const NOTHING: IShown = { lines: [], begins: 0, last: 0, more: false, error: '' };

/** Read a part of a log; without a place its end, and go on with it as lines come. */
export function useLog(run: IFollowed, action: string, place: Place | null): IShown {
  const { runs } = useView();
  const [shown, setShown] = React.useState(NOTHING);
  React.useEffect(() => {
    const log = new LogText();
    let begins = -1;
    const read = async (signal: AbortSignal) => {
      const query = begins < 0 ? first(place) : { after: Math.max(log.last, begins) };
      const page = await runs.api.logs(run.near, run.name, action, query, signal);
      begins = begins < 0 ? page.begins : begins;
      log.take(page);
      setShown({
        lines: log.lines.slice(),
        begins,
        last: Math.max(log.last, begins),
        more: page.more,
        error: ''
      });
      return page.more && place === null;
    };
    const reading = new Reading(read, error => setShown(before => ({ ...before, error })));
    return place === null ? reading.follow(run) : reading.once();
  }, [run, action, place]);
  return shown;
}

function first(place: Place | null): Query {
  if (place === null) {
    return { tail: TAIL, size: FIRST };
  }
  if ('after' in place) {
    return { after: place.after, size: PART };
  }
  return 'around' in place
    ? { tail: CONTEXT, until: place.around, size: PART }
    : { tail: PART, until: place.until, size: PART };
}

export interface IMatches {
  readonly lines: readonly Line[];
  readonly isSearching: boolean;
  /** There is more to look through; it is done when it is asked for. */
  readonly more: (() => void) | null;
  readonly error: string;
}

const NONE: IMatches = { lines: [], isSearching: false, more: null, error: '' };

/** Let the server look through a whole log, whatever of it is shown; nothing is looked for without a text. */
export function useMatches(run: IFollowed, action: string, text: string, attempt: number): IMatches {
  const { runs } = useView();
  const [found, setFound] = React.useState(NONE);
  React.useEffect(() => {
    setFound({ ...NONE, isSearching: text !== '' });
    if (text === '') {
      return;
    }
    let [lines, enough]: [readonly Line[], number] = [[], ENOUGH];
    let [after, line]: readonly [number, number | null] = [0, null];
    const read = async (signal: AbortSignal) => {
      const query: Query = { search: text, attempt, after, line: line ?? undefined };
      const page = await runs.api.search(run.near, run.name, action, query, signal);
      [after, line] = page.next;
      lines = joined(lines, page.lines.map(lineOf));
      const isSearching = page.more && lines.length < enough;
      setFound({ lines, isSearching, more: page.more && !isSearching ? more : null, error: '' });
      return isSearching;
    };
    const reading = new Reading(read, error => setFound({ ...NONE, lines, error }));
    const more = () => {
      enough = lines.length + ENOUGH;
      reading.ask();
    };
    let end = () => {};
    const timer = setTimeout(() => (end = reading.follow(run)), PAUSE);
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [run, action, text, attempt]);
  return found;
}

function lineOf(found: FoundLine): Line {
  const [row, at, attempt, time, stream, text] = found;
  return { row, at, attempt, time, stream, text };
}
