/** Pictures of what an action was given and what it returned. */
import * as React from 'react';

import type { Picture } from '../api';
import type { IFollowed } from '../tokens';
import { useLoaded, useView } from './context';
import { Frame } from './Frame';
import { Note } from './parts';

/** `revision` tells apart what is loaded before and after the action's end. */
export function Values(props: { run: IFollowed; action: string; revision: string }): JSX.Element {
  const { runs, trans } = useView();
  const { run, action } = props;
  const { value, error } = useLoaded(
    signal => runs.api.values(run.near, run.name, action, signal),
    [run, action, props.revision]
  );
  if (error) {
    return <Note>{error}</Note>;
  }
  if (value === null) {
    return <Note>{trans.__('Loading…')}</Note>;
  }
  return (
    <div className="flyte-Values">
      <h3>{trans.__('Inputs')}</h3>
      <Pictures {...props} which="inputs" pictures={value.inputs} />
      <h3>{trans.__('Outputs')}</h3>
      <Pictures {...props} which="outputs" pictures={value.outputs} />
    </div>
  );
}

function Pictures(props: {
  run: IFollowed;
  action: string;
  which: string;
  pictures: readonly Picture[] | null;
}): JSX.Element {
  const { trans } = useView();
  if (props.pictures === null) {
    return <Note>{trans.__('Not kept.')}</Note>;
  }
  if (props.pictures.length === 0) {
    return <Note>{trans.__('None.')}</Note>;
  }
  return (
    <dl className="flyte-Facts">
      {props.pictures.map(picture => (
        <React.Fragment key={picture.name}>
          <dt>{picture.name}</dt>
          <dd>
            {picture.kind === 'frame' ? (
              <Frame run={props.run} action={props.action} which={props.which} name={picture.name} />
            ) : picture.kind === 'value' ? (
              <pre className="flyte-Value">{picture.text}</pre>
            ) : (
              <span className="flyte-Quiet">{picture.text}</span>
            )}
          </dd>
        </React.Fragment>
      ))}
    </dl>
  );
}
