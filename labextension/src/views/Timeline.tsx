/** The tree of a run's actions as a table with a bar for each attempt: when it waited, when it ran. */
import * as React from 'react';

import type { RunState } from '../advance';
import type { Action } from '../events';
import { called, duration, took } from '../format';
import { LOOKS, lookOf } from '../looks';
import type { Marks } from '../marks';
import { type Row, rows } from '../rows';
import { useView } from './context';
import { Pill, Search } from './parts';
import { VirtualRows } from './VirtualRows';

const ROW = 26;

export interface ITimelineState {
  shut: ReadonlySet<string>;
  text: string;
}

export function Timeline(props: {
  state: RunState;
  marks: Marks;
  revision: number;
  now: number;
  kept: ITimelineState;
  current: string;
  onCurrent: (action: string) => void;
}): JSX.Element {
  const { trans } = useView();
  const { state, kept } = props;
  const base = React.useId();
  const [changes, setChanges] = React.useState(0);
  const shown = React.useMemo(
    () => rows(state, kept.shut, kept.text, props.marks),
    [state, props.revision, changes]
  );
  const [begin, end] = React.useMemo(() => span(state, props.now), [state, props.revision, props.now]);
  const at = shown.findIndex(row => row.action.name === props.current);
  const change = (values: Partial<ITimelineState>) => {
    Object.assign(kept, values);
    setChanges(count => count + 1);
  };
  const fold = (row: Row, isOpen: boolean) => {
    const shut = new Set(kept.shut);
    if (isOpen) {
      shut.delete(row.action.name);
    } else {
      shut.add(row.action.name);
    }
    change({ shut });
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const row = shown[at];
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: shown.length - 1,
      PageDown: at + 12,
      PageUp: at - 12
    };
    if (event.key in steps) {
      const next = shown[Math.min(shown.length - 1, Math.max(0, steps[event.key]))];
      if (next) {
        props.onCurrent(next.action.name);
      }
    } else if (event.key === 'ArrowRight' && row?.hasBelow) {
      if (row.isOpen && shown[at + 1]) {
        props.onCurrent(shown[at + 1].action.name);
      } else {
        fold(row, true);
      }
    } else if (event.key === 'ArrowLeft' && row) {
      if (row.isOpen) {
        fold(row, false);
      } else if (row.action.parent) {
        props.onCurrent(row.action.parent);
      }
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const line = (index: number) => {
    const row = shown[index];
    const { action } = row;
    return (
      <div
        key={action.name}
        id={`${base}-${action.name}`}
        role="treeitem"
        aria-level={row.level}
        aria-posinset={row.place}
        aria-setsize={row.siblings}
        aria-expanded={row.hasBelow ? row.isOpen : undefined}
        aria-selected={index === at}
        className={`flyte-TimelineRow${index === at ? ' flyte-mod-current' : ''}`}
        style={{ height: ROW }}
        onClick={() => props.onCurrent(action.name)}
      >
        <span
          className="flyte-TimelineName"
          style={{ paddingLeft: (row.level - 1) * 14 }}
          title={action.task}
        >
          <span
            className="flyte-Twist"
            aria-hidden="true"
            onClick={event => {
              if (row.hasBelow) {
                event.stopPropagation();
                fold(row, !row.isOpen);
              }
            }}
          >
            {row.hasBelow ? (row.isOpen ? '▾' : '▸') : ''}
          </span>
          {called(action, props.marks)}
          {action.group ? <span className="flyte-Quiet"> {action.group}</span> : null}
        </span>
        <span className="flyte-TimelinePhase">
          <Pill look={lookOf(action)} />
        </span>
        <span className="flyte-TimelineTook">{tookWords(action, props.now)}</span>
        <Bars action={action} begin={begin} end={end} now={props.now} />
      </div>
    );
  };
  return (
    <div className="flyte-Timeline">
      <Search label={trans.__('Filter actions')} text={kept.text} onText={text => change({ text })} />
      <VirtualRows
        count={shown.length}
        rowHeight={ROW}
        row={line}
        current={at}
        attributes={{
          role: 'tree',
          'aria-label': trans.__('Actions of the run'),
          'aria-activedescendant': at >= 0 ? `${base}-${shown[at].action.name}` : undefined,
          onKeyDown
        }}
      />
    </div>
  );
}

/** When the run's first action was queued and its last one ended. */
function span(state: RunState, now: number): [number, number] {
  let [begin, end] = [state.started, state.started];
  for (const action of state.actions.values()) {
    begin = Math.min(begin, action.queued ?? begin);
    end = Math.max(end, action.ended ?? (action.started === undefined ? end : now));
  }
  return [begin, Math.max(end, begin + 0.001)];
}

function Bars(props: { action: Action; begin: number; end: number; now: number }): JSX.Element {
  const { action } = props;
  const place = (from: number, to: number) => ({
    left: `${((from - props.begin) / (props.end - props.begin)) * 100}%`,
    width: `max(2px, ${((to - from) / (props.end - props.begin)) * 100}%)`
  });
  const waited = action.started ?? action.ended ?? props.now;
  const attempts = action.attempts ?? [];
  const colour = `var(${LOOKS[lookOf(action)].colour})`;
  return (
    <span className="flyte-Bars" aria-hidden="true">
      {action.queued !== undefined && waited - action.queued > 0.0005 ? (
        <span className="flyte-Bar flyte-mod-waiting" style={place(action.queued, waited)} />
      ) : null}
      {attempts.length === 0 && action.ended !== undefined ? (
        <span className="flyte-Bar" style={{ ...place(action.ended, action.ended), background: colour }} />
      ) : null}
      {attempts.map(attempt =>
        attempt.started === undefined ? null : (
          <span
            key={attempt.number}
            className="flyte-Bar"
            style={{
              ...place(attempt.started, attempt.ended ?? action.ended ?? props.now),
              background: attempt.failure ? 'var(--jp-error-color1)' : colour
            }}
          />
        )
      )}
    </span>
  );
}

function tookWords(action: Action, now: number): string {
  const seconds = took(action, now);
  return seconds === null ? '' : duration(seconds);
}
