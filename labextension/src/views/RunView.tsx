/** A run as it goes on: what it is, its graph and timeline, and the action that is looked at. */
import * as React from 'react';

import { isTerminal, ROOT, root, type RunState } from '../advance';
import type { Action } from '../events';
import { called, cut, duration, label, moment, shortName } from '../format';
import { lookOf, tally, told as inWords } from '../looks';
import type { Marks } from '../marks';
import type { IFollowed } from '../tokens';
import { useClock, useRevision, useView } from './context';
import { Detail } from './Detail';
import { Graph, type IGraphState } from './Graph';
import { Button, Note, Pill, Tabs } from './parts';
import { type ITimelineState, Timeline } from './Timeline';

/** What a person did to a view; it outlives the view where the page takes it out for a while. */
export interface IRunViewState {
  tab: string;
  detail: string;
  action: string;
  readonly graph: IGraphState;
  readonly timeline: ITimelineState;
}

export function freshState(): IRunViewState {
  return {
    tab: 'graph',
    detail: '',
    action: '',
    graph: { open: new Set(), shut: new Set(), sight: null },
    timeline: { shut: new Set(), text: '' }
  };
}

/** `isInCell` leaves out what there is no room for under a cell. */
export function RunView(props: { run: IFollowed; kept: IRunViewState; isInCell: boolean }): JSX.Element {
  const { trans } = useView();
  const { run, kept } = props;
  const revision = useRevision(run);
  const state = run.state;
  const goesOn = !!state && !isTerminal(root(state).phase);
  const now = useClock(goesOn);
  const [, setChanges] = React.useState(0);
  if (!state) {
    return <Note>{run.problem || trans.__('Loading…')}</Note>;
  }
  const change = (values: Partial<Pick<IRunViewState, 'tab' | 'detail' | 'action'>>) => {
    Object.assign(kept, values);
    setChanges(count => count + 1);
  };
  const isAlone = state.actions.size === 1;
  const current = kept.action || (props.isInCell && goesOn ? '' : ROOT); // what it gave, once it has ended
  const action = state.actions.get(current);
  const onCurrent = (name: string) => change({ action: name });
  const tabs = [
    {
      id: 'graph',
      label: trans.__('Graph'),
      panel: () => (
        <Graph
          state={state}
          marks={run.marks}
          revision={revision}
          kept={kept.graph}
          height={props.isInCell ? 260 : null}
          current={current}
          onCurrent={onCurrent}
        />
      )
    },
    {
      id: 'timeline',
      label: trans.__('Timeline'),
      panel: () => (
        <div className={props.isInCell ? 'flyte-mod-limited' : 'flyte-Fill'}>
          <Timeline
            state={state}
            marks={run.marks}
            revision={revision}
            now={now}
            kept={kept.timeline}
            current={current}
            onCurrent={onCurrent}
          />
        </div>
      )
    }
  ];
  return (
    <div className={`flyte-Run${props.isInCell ? ' flyte-mod-inCell' : ''}`}>
      <Head run={run} state={state} now={now} isInCell={props.isInCell} />
      <Problems state={state} marks={run.marks} onCurrent={onCurrent} />
      <div className="flyte-RunBody">
        {isAlone && props.isInCell ? null : (
          <Tabs
            name={trans.__('Views of the run')}
            tabs={tabs}
            current={kept.tab}
            onChange={tab => change({ tab })}
          />
        )}
        {action ? (
          <Detail
            run={run}
            action={action}
            now={now}
            tab={kept.detail || told(action, props.isInCell)}
            onTab={detail => change({ detail })}
          />
        ) : null}
      </div>
    </div>
  );
}

/** Choose what is told of an action to whom has not chosen: in a cell, what it gave, or why it gave nothing. */
function told(action: Action, isInCell: boolean): string {
  const isWhole = isInCell && action.name === ROOT && action.phase === 'SUCCEEDED';
  return !isWhole ? 'about' : action.report ? 'report' : 'values';
}

function Head(props: { run: IFollowed; state: RunState; now: number; isInCell: boolean }): JSX.Element {
  const { actions, trans } = useView();
  const { run, state } = props;
  const first = root(state);
  const goesOn = !isTerminal(first.phase);
  const below = [...state.actions.values()].filter(action => action !== first);
  const done = below.filter(action => isTerminal(action.phase)).length;
  const facts = [
    state.name,
    state.mode,
    moment(state.started),
    ...(state.rerun_of ? [trans.__('continues %1', state.rerun_of)] : []),
    ...(below.length
      ? [
          `${trans._n('%2 action', '%2 actions', below.length, below.length.toLocaleString())}: ${inWords(tally(below), trans)}`
        ]
      : []),
    ...Object.entries(state.labels).map(([name, text]) => `${name}=${cut(text, 60)}`)
  ];
  return (
    <div className="flyte-Head">
      <div className="flyte-HeadLine">
        <strong className="flyte-Title">{label(first) || shortName(state.task) || state.name}</strong>
        <Pill look={lookOf(first)} />
        <span>{duration((first.ended ?? props.now) - state.started)}</span>
        {goesOn && below.length ? (
          <progress
            max={below.length}
            value={done}
            aria-label={trans.__('%1 of %2 done', done, below.length)}
            title={trans.__('%1 of %2 done', done, below.length)}
          />
        ) : null}
        <span className="flyte-Space" />
        {goesOn ? (
          <Button
            label={trans.__('Stop')}
            title={trans.__('Stop this run')}
            onClick={() => void actions.abort(run.name, run.near)}
          />
        ) : actions.canRerun(run.name, run.near) ? (
          <Button
            label={trans.__('Rerun')}
            title={trans.__('Run it again in a new cell; what succeeded and has not changed is taken over')}
            onClick={() => void actions.rerun(run.name, run.near)}
          />
        ) : null}
        {props.isInCell ? (
          <Button
            label={trans.__('Open')}
            title={trans.__('Open this run in the main area')}
            onClick={() => actions.open(run.name, run.near)}
          />
        ) : null}
      </div>
      <div className="flyte-Quiet">{facts.join(' · ')}</div>
    </div>
  );
}

/** Say what went wrong first, once for each different error. */
function Problems(props: {
  state: RunState;
  marks: Marks;
  onCurrent: (action: string) => void;
}): JSX.Element | null {
  const { trans } = useView();
  const failed = [...props.state.actions.values()].filter(
    action => action.failure && (action.phase === 'FAILED' || action.phase === 'TIMED_OUT')
  );
  const causes = new Map<string, typeof failed>();
  for (const action of failed) {
    const said = `${action.failure?.code}: ${action.failure?.message}`;
    causes.set(said, [...(causes.get(said) ?? []), action]);
  }
  if (causes.size === 0) {
    return null;
  }
  return (
    <ul className="flyte-Problems" aria-label={trans.__('Errors')}>
      {[...causes].slice(0, 3).map(([said, actions]) => {
        const deepest = actions[actions.length - 1];
        return (
          <li key={said}>
            <button type="button" className="flyte-LinkButton" onClick={() => props.onCurrent(deepest.name)}>
              {called(deepest, props.marks)}
            </button>{' '}
            {cut(said, 300)}
          </li>
        );
      })}
    </ul>
  );
}
