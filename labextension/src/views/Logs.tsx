/** What an action printed: colours, search, follow, moments; only the lines that are seen are in the page. */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { plain, styled } from '../ansi';
import { isSame, type Line } from '../log';
import type { IFollowed } from '../tokens';
import { useView } from './context';
import { Button, Note, Search } from './parts';
import { type IMatches, type IShown, type Place, useLog, useMatches } from './useLog';
import { VirtualRows } from './VirtualRows';

const ROW = 18;

export function Logs(props: { run: IFollowed; action: string; attempts: number }): JSX.Element {
  const { trans } = useView();
  const { run, action } = props;
  const [place, setPlace] = React.useState<Place | null>(null);
  const [text, setText] = React.useState('');
  const [attempt, setAttempt] = React.useState(0);
  const [isFollowing, setFollowing] = React.useState(true);
  const [hasMoments, setMoments] = React.useState(false);
  const [onlyMatches, setOnlyMatches] = React.useState(false);
  const [match, setMatch] = React.useState(0);
  const [isPaging, setPaging] = React.useState(false);
  const shown = useLog(run, action, place);
  const isLong = place !== null || shown.begins > 0;
  const chosen = React.useMemo(
    () => (attempt ? shown.lines.filter(line => line.attempt === attempt) : shown.lines),
    [shown.lines, attempt]
  );
  const far = useMatches(run, action, isLong ? text : '', attempt);
  const near = React.useMemo(() => (isLong ? [] : holding(chosen, text)), [chosen, text, isLong]);
  const matches = isLong ? far.lines : near;
  const listed = onlyMatches && text ? matches : chosen;
  const at = matches.length ? ((match % matches.length) + matches.length) % matches.length : -1;
  const found: Line | undefined = matches[at];
  const current = React.useMemo(
    () => (listed === matches ? at : found ? listed.findIndex(line => isSame(found, line)) : -1),
    [listed, matches, at]
  );
  React.useEffect(() => {
    if (found && current < 0) {
      setPlace({ around: found.row });
    }
  }, [found?.row, found?.at, onlyMatches]);
  const step = (by: number) => {
    setFollowing(false);
    setPaging(false);
    setMatch(before => before + by);
  };
  const go = (to: Place | null) => {
    setPlace(to);
    setPaging(true);
    setFollowing(to === null);
  };
  if (shown.error || far.error) {
    return <Note>{shown.error || far.error}</Note>;
  }
  const line = (index: number) => (
    <LogLine key={index} line={listed[index]} isCurrent={index === current} hasMoment={hasMoments} />
  );
  return (
    <div className="flyte-Logs">
      <div className="flyte-Bar-tools" role="toolbar" aria-label={trans.__('Log')}>
        <Search
          label={trans.__('Search in the log')}
          placeholder={trans.__('Search')}
          text={text}
          onText={wanted => {
            setText(wanted);
            setMatch(0);
            setFollowing(false);
            setPaging(false);
          }}
          onStep={step}
        />
        <span role="status" className="flyte-Quiet">
          {text
            ? progress(trans, at + 1, matches.length, far)
            : trans._n('%2 line', '%2 lines', chosen.length, chosen.length.toLocaleString())}
        </span>
        {far.more ? <Button label={trans.__('Search on')} onClick={far.more} /> : null}
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
        <Button
          label={trans.__('Follow')}
          isOn={isFollowing}
          onClick={() => (isFollowing ? setFollowing(false) : go(null))}
        />
      </div>
      {isLong ? <Parts shown={shown} isEnd={place === null} go={go} /> : null}
      {chosen.length === 0 ? <Note>{trans.__('Nothing was printed.')}</Note> : null}
      <VirtualRows
        count={listed.length}
        rowHeight={ROW}
        row={line}
        current={isFollowing ? -1 : isPaging ? edge(place, listed.length) : current}
        seenAgain={shown.begins}
        isFollowing={isFollowing && place === null}
        onScrolled={isAtEnd => !isAtEnd && isFollowing && setFollowing(false)}
        attributes={{ role: 'region', 'aria-label': trans.__('Log lines'), className: 'flyte-LogLines' }}
      />
    </div>
  );
}

/** Ways through a log that is too long to be shown at once. */
function Parts(props: { shown: IShown; isEnd: boolean; go: (place: Place | null) => void }): JSX.Element {
  const { trans } = useView();
  const { shown, go } = props;
  const isBegin = shown.begins === 0;
  return (
    <div className="flyte-Bar-tools" role="group" aria-label={trans.__('Parts of the log')}>
      <span className="flyte-Quiet">
        {props.isEnd
          ? trans.__('The log is long; its end is shown.')
          : trans.__('The log is long; a part of it is shown.')}
      </span>
      <Button
        label="⇤"
        isSymbol
        title={trans.__('Beginning')}
        disabled={isBegin}
        onClick={() => go({ after: 0 })}
      />
      <Button
        label="‹"
        isSymbol
        title={trans.__('Earlier')}
        disabled={isBegin}
        onClick={() => go({ until: shown.begins })}
      />
      <Button
        label="›"
        isSymbol
        title={trans.__('Later')}
        disabled={props.isEnd || !shown.more}
        onClick={() => go({ after: shown.last })}
      />
      <Button label="⇥" isSymbol title={trans.__('End')} disabled={props.isEnd} onClick={() => go(null)} />
    </div>
  );
}

/** The line at which one begins to read a part of the log that was turned to. */
function edge(place: Place | null, count: number): number {
  return place !== null && 'until' in place ? count - 1 : 0;
}

function LogLine(props: { line: Line; isCurrent: boolean; hasMoment: boolean }): JSX.Element {
  const { line } = props;
  const marks = `${line.stream === 'stderr' ? ' flyte-mod-stderr' : ''}${props.isCurrent ? ' flyte-mod-current' : ''}`;
  return (
    <div className={`flyte-LogLine${marks}`} style={{ height: ROW }}>
      {props.hasMoment ? <span className="flyte-Quiet">{clock(line.time)} </span> : null}
      {styled(line.text).map((run, i) => (
        <span key={i} className={run.style || undefined}>
          {run.text}
        </span>
      ))}
    </div>
  );
}

/** Say at which match one is, and of how many so far. */
function progress(trans: TranslationBundle, at: number, count: number, far: IMatches): string {
  const [place, all] = [at.toLocaleString(), count.toLocaleString()];
  if (far.isSearching) {
    return trans.__('%1 of %2, searching…', place, all);
  }
  return far.more ? trans.__('%1 of the first %2', place, all) : trans.__('%1 of %2', place, all);
}

/** The lines that hold a text, in upper or lower case. */
function holding(lines: readonly Line[], text: string): readonly Line[] {
  const wanted = text.toLowerCase();
  return wanted ? lines.filter(line => plain(line.text).toLowerCase().includes(wanted)) : [];
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { hour12: false });
}
