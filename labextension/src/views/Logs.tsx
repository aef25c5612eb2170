/** What an action printed: colours, search, follow, moments; only the lines that are seen are in the page. */
import * as React from 'react';

import { lines, plain, styled } from '../ansi';
import type { LogPage } from '../api';
import type { IFollowed } from '../tokens';
import { useView } from './context';
import { Button, Note } from './parts';
import { VirtualRows } from './VirtualRows';

const ROW = 18;

/** Of a longer log, only so many of its last characters are read at first. */
const TAIL = 6_000_000;
const FIRST = 200_000;

interface Line {
  readonly text: string;
  readonly attempt: number;
  readonly time: number;
  readonly stream: string;
}

export function Logs(props: { run: IFollowed; action: string; attempts: number }): JSX.Element {
  const { trans } = useView();
  const { found, begins, error } = useLog(props.run, props.action);
  const [text, setText] = React.useState('');
  const [attempt, setAttempt] = React.useState(0);
  const [isFollowing, setFollowing] = React.useState(true);
  const [hasMoments, setMoments] = React.useState(false);
  const [onlyMatches, setOnlyMatches] = React.useState(false);
  const [match, setMatch] = React.useState(0);
  const chosen = React.useMemo(
    () => (attempt ? found.filter(line => line.attempt === attempt) : found),
    [found, attempt]
  );
  const matches = React.useMemo(() => {
    const wanted = text.toLowerCase();
    const places: number[] = [];
    if (wanted) {
      chosen.forEach((line, i) => plain(line.text).toLowerCase().includes(wanted) && places.push(i));
    }
    return places;
  }, [chosen, text]);
  const shown = onlyMatches && text ? matches.map(place => chosen[place]) : chosen;
  const place = matches.length ? ((match % matches.length) + matches.length) % matches.length : -1;
  const current = place < 0 ? -1 : onlyMatches ? place : matches[place];
  const step = (by: number) => {
    setFollowing(false);
    setMatch(before => before + by);
  };
  if (error) {
    return <Note>{error}</Note>;
  }
  const line = (index: number) => {
    const one = shown[index];
    return (
      <div
        key={index}
        className={`flyte-LogLine${one.stream === 'stderr' ? ' flyte-mod-stderr' : ''}${index === current ? ' flyte-mod-current' : ''}`}
        style={{ height: ROW }}
      >
        {hasMoments ? <span className="flyte-Quiet">{clock(one.time)} </span> : null}
        {styled(one.text).map((run, i) => (
          <span key={i} className={run.style || undefined}>
            {run.text}
          </span>
        ))}
      </div>
    );
  };
  return (
    <div className="flyte-Logs">
      <div className="flyte-Bar-tools" role="toolbar" aria-label={trans.__('Log')}>
        <input
          type="search"
          className="flyte-Input"
          placeholder={trans.__('Search')}
          aria-label={trans.__('Search in the log')}
          value={text}
          onChange={event => {
            setText(event.target.value);
            setMatch(0);
            setFollowing(false);
          }}
          onKeyDown={event => {
            event.stopPropagation();
            if (event.key === 'Enter') {
              step(event.shiftKey ? -1 : 1);
            }
          }}
        />
        <span role="status" className="flyte-Quiet">
          {text
            ? trans.__('%1 of %2', (place + 1).toLocaleString(), matches.length.toLocaleString())
            : trans._n('%2 line', '%2 lines', shown.length, shown.length.toLocaleString())}
        </span>
        <Button
          label={trans.__('Only matches')}
          isOn={onlyMatches}
          onClick={() => setOnlyMatches(!onlyMatches)}
        />
        {props.attempts > 1 ? (
          <select
            className="flyte-Input"
            aria-label={trans.__('Attempt')}
            value={attempt}
            onChange={event => setAttempt(Number(event.target.value))}
          >
            <option value={0}>{trans.__('All attempts')}</option>
            {Array.from({ length: props.attempts }, (_, i) => (
              <option key={i} value={i + 1}>
                {trans.__('Attempt %1', i + 1)}
              </option>
            ))}
          </select>
        ) : null}
        <Button label={trans.__('Times')} isOn={hasMoments} onClick={() => setMoments(!hasMoments)} />
        <Button label={trans.__('Follow')} isOn={isFollowing} onClick={() => setFollowing(!isFollowing)} />
      </div>
      {begins > 0 ? <Note>{trans.__('The log is long; its beginning is not shown here.')}</Note> : null}
      {found.length === 0 ? <Note>{trans.__('Nothing was printed.')}</Note> : null}
      <VirtualRows
        count={shown.length}
        rowHeight={ROW}
        row={line}
        current={isFollowing ? -1 : current}
        isFollowing={isFollowing}
        onScrolled={isAtEnd => !isAtEnd && isFollowing && setFollowing(false)}
        attributes={{ role: 'region', 'aria-label': trans.__('Log lines'), className: 'flyte-LogLines' }}
      />
    </div>
  );
}

/** Read a log and go on with it as lines come. */
function useLog(run: IFollowed, action: string): { found: Line[]; begins: number; error: string } {
  const { runs } = useView();
  const [shown, setShown] = React.useState<{ found: Line[]; begins: number; error: string }>(NOTHING);
  React.useEffect(() => {
    const abort = new AbortController();
    const whole: Line[] = [];
    let [after, begins, isOpenEnd, isReading, isAgain, heard] = [-1, 0, false, false, false, -1];
    const take = (page: LogPage) => {
      for (const [number, attempt, time, stream, text] of page.rows) {
        lines(text).forEach((line, i) => {
          const last = whole[whole.length - 1];
          if (i === 0 && isOpenEnd && last?.stream === stream && last.attempt === attempt) {
            whole[whole.length - 1] = { ...last, text: last.text + line };
          } else {
            whole.push({ text: line, attempt, time, stream });
          }
        });
        isOpenEnd = !text.endsWith('\n');
        after = number;
      }
    };
    const read = async () => {
      if (isReading) {
        isAgain = true;
        return;
      }
      isReading = true;
      try {
        do {
          isAgain = false;
          const query = after < 0 ? { tail: TAIL, size: FIRST } : { after };
          const page = await runs.api.logs(run.near, run.name, action, query, abort.signal);
          if (after < 0) {
            begins = page.begins;
            after = page.begins;
          }
          take(page);
          isAgain ||= page.more;
          setShown({ found: whole.slice(), begins, error: '' });
        } while (isAgain && !abort.signal.aborted);
      } catch (reason) {
        if (!abort.signal.aborted) {
          setShown(before => ({
            ...before,
            error: reason instanceof Error ? reason.message : String(reason)
          }));
        }
      }
      isReading = false;
    };
    const told = () => {
      if (heard !== run.logs) {
        heard = run.logs;
        void read();
      }
    };
    setShown(NOTHING);
    run.changed.connect(told);
    told();
    return () => {
      abort.abort();
      run.changed.disconnect(told);
    };
  }, [run, action]);
  return shown;
}

const NOTHING = { found: [], begins: 0, error: '' };

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { hour12: false });
}
