/** An action's report in a sandbox: its scripts run, but reach neither this page nor the network. */
import * as React from 'react';

import type { IFollowed } from '../tokens';
import { useLoaded, useView } from './context';
import { Note } from './parts';

const LEAST = 60;
const MOST = 4000;

/** `report` is the digest of what was written last, so that a new one is loaded as it comes. */
export function Report(props: { run: IFollowed; action: string; report: string; name: string }): JSX.Element {
  const { runs, trans } = useView();
  const { run, action } = props;
  const { value, error } = useLoaded(
    signal => runs.api.report(run.near, run.name, action, signal),
    [run, action, props.report]
  );
  const frame = React.useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = React.useState(420);
  React.useEffect(() => {
    const heard = (event: MessageEvent) => {
      const asked = Number((event.data as { flyteReportHeight?: unknown } | null)?.flyteReportHeight);
      if (event.source === frame.current?.contentWindow && asked > 0) {
        setHeight(Math.min(MOST, Math.max(LEAST, asked)));
      }
    };
    window.addEventListener('message', heard);
    return () => window.removeEventListener('message', heard);
  }, []);
  if (error) {
    return <Note>{error}</Note>;
  }
  return (
    <div className="flyte-Report">
      <a
        className="flyte-Link"
        href={runs.api.reportUrl(run.near, run.name, action)}
        target="_blank"
        rel="noopener noreferrer"
      >
        {trans.__('Open in a tab')}
      </a>
      {value === null ? (
        <Note>{trans.__('Loading…')}</Note>
      ) : (
        <iframe
          ref={frame}
          title={trans.__('Report of %1', props.name)}
          sandbox="allow-scripts"
          srcDoc={value}
          style={{ height }}
        />
      )}
    </div>
  );
}
