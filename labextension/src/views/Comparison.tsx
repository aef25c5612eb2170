/** Two runs side by side: what differs, then how each task went. */
import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import type { Difference, Fared, RunRow } from '../api';
import { duration, moment, shortName } from '../format';
import { type IViewContext, useLoaded, useView, ViewContext } from './context';
import { Facts, Note, Pill } from './parts';

export class ComparisonWidget extends ReactWidget {
  constructor(
    private readonly _before: string,
    private readonly _after: string,
    private readonly _near: string,
    private readonly _context: IViewContext
  ) {
    super();
    this.addClass('flyte-Widget');
  }

  protected render(): JSX.Element {
    return (
      <ViewContext.Provider value={this._context}>
        <ComparisonView before={this._before} after={this._after} near={this._near} />
      </ViewContext.Provider>
    );
  }
}

function ComparisonView(props: { before: string; after: string; near: string }): JSX.Element {
  const { runs, trans } = useView();
  const { value, error } = useLoaded(
    signal => runs.api.compare(props.near, props.before, props.after, signal),
    [props.before, props.after, props.near]
  );
  if (error || !value) {
    return <Note>{error || trans.__('Loading…')}</Note>;
  }
  const code = value.code.map(one =>
    one.known
      ? `${shortName(one.task)}: ${one.sentences.join('; ')}`
      : trans.__('%1: not in the records', one.task)
  );
  const outputs =
    value.same_outputs === null ? trans.__('not known') : value.same_outputs ? trans.__('the same') : '';
  return (
    <div className="flyte-Comparison">
      <h2>{trans.__('%1 compared with %2', props.before, props.after)}</h2>
      <Facts
        facts={[
          [trans.__('Before'), <OneRun key="before" row={value.before} />],
          [trans.__('After'), <OneRun key="after" row={value.after} />],
          [trans.__('Code'), code.length ? <Lines lines={code} /> : trans.__('the same')],
          [
            trans.__('Inputs'),
            <Differences key="in" found={value.inputs} otherwise={trans.__('the same')} />
          ],
          [trans.__('Outputs'), <Differences key="out" found={value.outputs} otherwise={outputs} />],
          [
            trans.__('Surroundings'),
            <Differences key="around" found={value.surroundings} otherwise={trans.__('the same')} />
          ],
          [trans.__('Not compared'), value.doubtful.join(', ')]
        ]}
      />
      <table className="flyte-Table">
        <caption>{trans.__('Tasks')}</caption>
        <thead>
          <tr>
            {[
              trans.__('Task'),
              trans.__('Actions'),
              trans.__('Time'),
              trans.__('Longest'),
              trans.__('Attempts'),
              trans.__('Cached'),
              trans.__('Failed')
            ].map(name => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {value.tasks.map(row => {
            const pair = (write: (one: Fared) => string) => arrow(write(row.before), write(row.after));
            return (
              <tr key={row.task}>
                <td>{row.task}</td>
                <td>{pair(one => one.actions.toLocaleString())}</td>
                <td>{pair(one => duration(one.seconds))}</td>
                <td>{pair(one => duration(one.longest))}</td>
                <td>{pair(one => one.attempts.toLocaleString())}</td>
                <td>{pair(one => one.cached.toLocaleString())}</td>
                <td>{pair(one => one.failed.toLocaleString())}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function OneRun(props: { row: RunRow }): JSX.Element {
  const { actions } = useView();
  const { row } = props;
  return (
    <span>
      <button type="button" className="flyte-LinkButton" onClick={() => actions.open(row.name, row.notebook)}>
        {row.name}
      </button>{' '}
      <Pill look={row.phase} /> {moment(row.started)} · {duration((row.ended ?? row.updated) - row.started)}
    </span>
  );
}

function Differences(props: { found: readonly Difference[]; otherwise: string }): JSX.Element {
  const lines = props.found.map(one => `${one.name}: ${one.before || '–'} → ${one.after || '–'}`);
  return lines.length ? <Lines lines={lines} /> : <span>{props.otherwise}</span>;
}

function Lines(props: { lines: readonly string[] }): JSX.Element {
  return (
    <ul className="flyte-Lines">
      {props.lines.map((line, i) => (
        <li key={i}>{line}</li>
      ))}
    </ul>
  );
}

function arrow(before: string, after: string): string {
  return before === after ? after : `${before} → ${after}`;
}
