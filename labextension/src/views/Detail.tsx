/** One action: what it is, its attempts, values, log, report and what it used. */
import * as React from 'react';

import type { Action, Attempt } from '../events';
import { called, duration, moment, size, took } from '../format';
import { lookOf } from '../looks';
import type { IFollowed } from '../tokens';
import { useView } from './context';
import { Logs } from './Logs';
import { Facts, type ITab, Note, Pill, Tabs } from './parts';
import { Report } from './Report';
import { Values } from './Values';

export function Detail(props: {
  run: IFollowed;
  action: Action;
  now: number;
  tab: string;
  onTab: (tab: string) => void;
}): JSX.Element {
  const { trans } = useView();
  const { run, action } = props;
  const attempts = action.attempts ?? [];
  const name = called(action, run.marks);
  const tabs: ITab[] = [
    { id: 'about', label: trans.__('Overview'), panel: () => <About action={action} now={props.now} /> },
    {
      id: 'values',
      label: trans.__('Inputs and outputs'),
      panel: () => (
        <Values run={run} action={action.name} revision={`${action.phase} ${action.ended ?? ''}`} />
      )
    },
    {
      id: 'log',
      label: trans.__('Log'),
      panel: () => <Logs key={action.name} run={run} action={action.name} attempts={attempts.length} />
    }
  ];
  const { report } = action;
  if (report) {
    tabs.push({
      id: 'report',
      label: trans.__('Report'),
      panel: () => <Report run={run} action={action.name} report={report} name={name} />
    });
  }
  return (
    <section className="flyte-Detail" aria-label={trans.__('Action %1', name)}>
      <h2 className="flyte-DetailTitle">
        {name} <Pill look={lookOf(action)} />
      </h2>
      <Tabs name={trans.__('Parts of the action')} tabs={tabs} current={props.tab} onChange={props.onTab} />
    </section>
  );
}

function About(props: { action: Action; now: number }): JSX.Element {
  const { trans } = useView();
  const { action, now } = props;
  const seconds = took(action, now);
  const waited = action.queued === undefined ? null : (action.started ?? action.ended ?? now) - action.queued;
  return (
    <div>
      {action.failure ? (
        <div className="flyte-Failure" role="group" aria-label={trans.__('Error')}>
          <strong>{action.failure.code}</strong>: {action.failure.message}
          {action.failure.traceback ? <pre className="flyte-Value">{action.failure.traceback}</pre> : null}
        </div>
      ) : null}
      <Facts
        facts={[
          [trans.__('Task'), action.task],
          [trans.__('Group'), action.group],
          [trans.__('Queued'), action.queued === undefined ? '' : moment(action.queued)],
          [trans.__('Waited'), waited === null || waited < 0.001 ? '' : duration(waited)],
          [trans.__('Took'), seconds === null ? '' : duration(seconds)],
          [trans.__('Cache'), [action.cache, action.cache_reason].filter(Boolean).join(': ')],
          [trans.__('Version'), action.version],
          [trans.__('Name'), action.name],
          [trans.__('Asked for'), pairs(action.asked ?? {})]
        ]}
      />
      <Attempts attempts={action.attempts ?? []} now={now} />
    </div>
  );
}

function Attempts(props: { attempts: readonly Attempt[]; now: number }): JSX.Element {
  const { trans } = useView();
  if (props.attempts.length === 0) {
    return <Note>{trans.__('It was not attempted.')}</Note>;
  }
  const columns: [string, (attempt: Attempt) => string][] = [
    [trans.__('Attempt'), attempt => String(attempt.number)],
    [trans.__('Place'), attempt => attempt.place ?? ''],
    [
      trans.__('Time'),
      ({ started, ended }) => (started === undefined ? '' : duration((ended ?? props.now) - started))
    ],
    [trans.__('CPU'), ({ cpu }) => (cpu === undefined ? '' : duration(cpu))],
    [trans.__('Memory'), ({ peak }) => (peak === undefined ? '' : size(peak))],
    [
      trans.__('Disk'),
      ({ read, written }) =>
        [
          read === undefined ? '' : trans.__('%1 read', size(read)),
          written === undefined ? '' : trans.__('%1 written', size(written))
        ]
          .filter(Boolean)
          .join(', ')
    ],
    [
      trans.__('GPU'),
      ({ gpu, gpu_memory }) =>
        [gpu === undefined ? '' : duration(gpu), gpu_memory === undefined ? '' : size(gpu_memory)]
          .filter(Boolean)
          .join(', ')
    ],
    [trans.__('Limits'), ({ limits }) => pairs(limits ?? {})]
  ];
  const told = columns.filter(([, write]) => props.attempts.some(attempt => write(attempt)));
  return (
    <table className="flyte-Table">
      <caption>{trans.__('Attempts')}</caption>
      <thead>
        <tr>
          {told.map(([name]) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.attempts.map((attempt, i) => (
          <React.Fragment key={i}>
            <tr>
              {told.map(([name, write]) => (
                <td key={name}>{write(attempt)}</td>
              ))}
            </tr>
            {attempt.failure ? (
              <tr>
                <td className="flyte-Failure" colSpan={told.length}>
                  {attempt.failure.code}: {attempt.failure.message}
                </td>
              </tr>
            ) : null}
          </React.Fragment>
        ))}
      </tbody>
    </table>
  );
}

function pairs(texts: Readonly<Record<string, string>>): string {
  return Object.entries(texts)
    .map(([name, text]) => `${name} ${text}`)
    .join(', ');
}
