/** The list of runs in the sidebar: filter, sort, open, stop, run again, compare two. */
import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { isTerminal } from '../advance';
import type { RunRow } from '../api';
import { baseName, duration, moment, shortName } from '../format';
import { belowRoot, inOrder, type Listing } from '../listing';
import { type IViewContext, useClock, useView, ViewContext } from './context';
import { Button, Note, Pill, Search } from './parts';
import { VirtualRows } from './VirtualRows';

const ROW = 46;

/** Filters by phase, and what each asks the server for. */
const PHASES = {
  '': '',
  running: 'RUNNING,QUEUED,INITIALIZING,WAITING_FOR_RESOURCES,PAUSED',
  succeeded: 'SUCCEEDED,RECOVERED',
  failed: 'FAILED,TIMED_OUT',
  stopped: 'ABORTED,INTERRUPTED'
} as const;

/** What is chosen in the list, for commands. */
export interface IChosen {
  current: RunRow | null;
  /** The runs that are marked, in the order in which they were. */
  marked: readonly string[];
}

export class RunListWidget extends ReactWidget {
  constructor(
    readonly listing: Listing,
    private readonly _context: IViewContext
  ) {
    super();
    this.addClass('flyte-List');
  }

  readonly chosen: IChosen = { current: null, marked: [] };

  dispose(): void {
    this.listing.dispose();
    super.dispose();
  }

  protected render(): JSX.Element {
    return (
      <ViewContext.Provider value={this._context}>
        <RunList listing={this.listing} chosen={this.chosen} />
      </ViewContext.Provider>
    );
  }
}

function RunList(props: { listing: Listing; chosen: IChosen }): JSX.Element {
  const { actions, trans } = useView();
  const { listing, chosen } = props;
  const base = React.useId();
  const [, setRevision] = React.useState(0);
  const redraw = React.useCallback(() => setRevision(count => count + 1), []);
  React.useEffect(() => {
    listing.changed.connect(redraw);
    void listing.reload();
    return () => void listing.changed.disconnect(redraw);
  }, [listing]);
  const { rows, asked } = listing;
  const now = useClock(rows.some(row => !isTerminal(row.phase)));
  const at = rows.findIndex(row => row.name === chosen.current?.name);
  const choose = (row: RunRow | undefined) => {
    chosen.current = row ?? null;
    redraw();
  };
  const mark = (row: RunRow) => {
    const isMarked = chosen.marked.includes(row.name);
    const rest = chosen.marked.filter(name => name !== row.name);
    chosen.marked = isMarked ? rest : [...rest, row.name].slice(-2);
    redraw();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: rows.length - 1,
      PageDown: at + 8,
      PageUp: at - 8
    };
    if (event.key in steps) {
      choose(rows[Math.min(rows.length - 1, Math.max(0, steps[event.key]))]);
    } else if (event.key === 'Enter' && rows[at]) {
      actions.open(rows[at].name, listing.near);
    } else if (event.key === ' ' && rows[at]) {
      mark(rows[at]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const current = rows[at];
  const line = (index: number) => {
    const row = rows[index];
    const isMarked = chosen.marked.includes(row.name);
    const took = (row.ended ?? now) - row.started;
    const below = belowRoot(row);
    return (
      <div
        key={row.name}
        id={`${base}-${row.name}`}
        role="option"
        aria-selected={index === at}
        aria-posinset={index + 1}
        aria-setsize={listing.total}
        className={`flyte-ListRow${index === at ? ' flyte-mod-current' : ''}`}
        style={{ height: ROW }}
        title={`${row.task}\n${row.name}\n${row.notebook}`}
        onClick={() => choose(row)}
        onDoubleClick={() => actions.open(row.name, listing.near)}
      >
        <span className="flyte-ListLine">
          <Pill look={row.phase} isBrief={true} />
          <strong className="flyte-Cut">{shortName(row.task) || row.name}</strong>
          {isMarked ? <span title={trans.__('Marked to compare')}>⇄</span> : null}
          <span className="flyte-Space" />
          <span>{duration(took)}</span>
        </span>
        <span className="flyte-ListLine flyte-Quiet">
          <span className="flyte-Cut">
            {[
              moment(row.started),
              row.notebook ? baseName(row.notebook) : '',
              below.actions
                ? trans.__('%1 of %2', below.done.toLocaleString(), below.actions.toLocaleString())
                : '',
              below.failed ? trans.__('%1 failed', below.failed.toLocaleString()) : '',
              row.cached ? trans.__('%1 cached', row.cached.toLocaleString()) : ''
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </span>
      </div>
    );
  };
  const pair = chosen.marked.length === 2 ? chosen.marked : null;
  return (
    <>
      <div className="flyte-ListTools" role="toolbar" aria-label={trans.__('Runs')}>
        <Search
          label={trans.__('Filter runs')}
          text={asked.text}
          delay={200}
          onText={text => (listing.asked = { ...listing.asked, text })}
        />
        <select
          className="flyte-Input"
          aria-label={trans.__('Phase')}
          value={Object.entries(PHASES).find(([, phase]) => phase === asked.phase)?.[0] ?? ''}
          onChange={event =>
            (listing.asked = { ...listing.asked, phase: PHASES[event.target.value as keyof typeof PHASES] })
          }
        >
          <option value="">{trans.__('All')}</option>
          <option value="running">{trans.__('Running')}</option>
          <option value="succeeded">{trans.__('Succeeded')}</option>
          <option value="failed">{trans.__('Failed')}</option>
          <option value="stopped">{trans.__('Stopped')}</option>
        </select>
        <select
          className="flyte-Input"
          aria-label={trans.__('Sort by')}
          value={`${asked.sort} ${asked.order}`}
          onChange={event => {
            const [sort, order] = event.target.value.split(' ');
            listing.asked = { ...listing.asked, sort, order: order as 'asc' | 'desc' };
          }}
        >
          <option value="started desc">{trans.__('Newest')}</option>
          <option value="started asc">{trans.__('Oldest')}</option>
          <option value="duration desc">{trans.__('Longest')}</option>
          <option value="duration asc">{trans.__('Shortest')}</option>
          <option value="task asc">{trans.__('Task')}</option>
          <option value="notebook asc">{trans.__('Notebook')}</option>
          <option value="phase asc">{trans.__('Phase')}</option>
          <option value="actions desc">{trans.__('Most actions')}</option>
          <option value="failed desc">{trans.__('Most failures')}</option>
        </select>
      </div>
      <div className="flyte-ListTools" role="toolbar" aria-label={trans.__('The run that is chosen')}>
        <Button
          label={trans.__('Open')}
          disabled={!current}
          onClick={() => actions.open(current.name, listing.near)}
        />
        <Button
          label={trans.__('Stop')}
          disabled={!current || isTerminal(current.phase)}
          onClick={() => void actions.abort(current.name, listing.near)}
        />
        <Button
          label={trans.__('Rerun')}
          title={trans.__('Run it again in a new cell of the current notebook')}
          disabled={!current || !isTerminal(current.phase) || !actions.canRerun(current.name, listing.near)}
          onClick={() => void actions.rerun(current.name, listing.near)}
        />
        <Button
          label={pair ? trans.__('Compare') : trans.__('Mark')}
          title={trans.__('Mark two runs, with this or the space bar, to compare them')}
          disabled={!pair && !current}
          onClick={() => (pair ? actions.compare(...inOrder(pair, rows), listing.near) : mark(current))}
        />
      </div>
      <div role="status" className="flyte-Note flyte-Quiet">
        {listing.problem || trans._n('%2 run', '%2 runs', listing.total, listing.total.toLocaleString())}
      </div>
      {listing.isLoaded && !listing.problem && rows.length === 0 ? (
        <Note>
          {asked.text || asked.phase
            ? trans.__('No run matches.')
            : trans.__('Nothing was run here yet. The launcher has a quickstart.')}
        </Note>
      ) : null}
      <VirtualRows
        count={rows.length}
        rowHeight={ROW}
        row={line}
        current={at}
        onSeen={(_, last) => {
          if (last > rows.length - 30) {
            void listing.more();
          }
        }}
        attributes={{
          role: 'listbox',
          'aria-label': trans.__('Runs'),
          'aria-activedescendant': at >= 0 ? `${base}-${rows[at].name}` : undefined,
          onKeyDown
        }}
      />
    </>
  );
}
